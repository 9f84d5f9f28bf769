"""The storage, on both databases: what each statement does, how tables come to be, what failures are called."""
