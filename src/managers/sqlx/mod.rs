//! Transactions, savepoints and locks on the databases of `sqlx`.
