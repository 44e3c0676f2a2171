namespace rest {}
