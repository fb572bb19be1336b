//! Thread: the one on which mail goes out.
//!
//! The connections, what claims for them and what records for them wake each other several times a mail. On
//! the threads of the service each of these would be a thread to wake and another to put to sleep, which costs more
//! than the mail.

use std::io;
use std::sync::LazyLock;

use anyhow::anyhow;
use tokio::runtime::{Builder, Handle, Runtime};

// Of the process and for its whole life: a connection to the ledger that was opened here may be used elsewhere later.
static THREAD: LazyLock<io::Result<Runtime>> =
    LazyLock::new(|| Builder::new_multi_thread().worker_threads(1).thread_name("mail").enable_all().build());

/// Where to spawn what goes there.
pub fn handle() -> anyhow::Result<&'static Handle> {
    match &*THREAD {
        Ok(runtime) => Ok(runtime.handle()),
        Err(err) => Err(anyhow!("start the thread for mail: {err}")),
    }
}
