namespace devorg {}
