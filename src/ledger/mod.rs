//! Ledger: the durable record of revisions, editions, deliveries and subscribers; the only SQL.
