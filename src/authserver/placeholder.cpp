namespace authserver {}
