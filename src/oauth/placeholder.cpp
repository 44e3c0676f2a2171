namespace oauth {}
