namespace catalogue {}
