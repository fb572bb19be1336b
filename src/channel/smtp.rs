//! SMTP: one connection to a relay.
