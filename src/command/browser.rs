//! Browser: shows an address in the person's own browser.

use std::process::{Command, Stdio};

// What opens an address on Linux and the BSDs, and on a Mac.
const OPENERS: [&str; 2] = ["xdg-open", "open"];

/// Asks the desktop to open `address`, and does not wait for it. On a machine without a desktop nothing happens:
/// the address has been printed.
pub fn open(address: &str) {
    for opener in OPENERS {
        let mut command = Command::new(opener);
        command.arg(address).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if command.spawn().is_ok() {
            return;
        }
    }
}
