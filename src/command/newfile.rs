//! New file: one that only its owner can read, encrypted to some recipients (<https://age-encryption.org/v1>), and
//! under another name until it is whole.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr as _;

use age::stream::StreamWriter;
use age::{Encryptor, Recipient, x25519};
use anyhow::{Context, bail};

use crate::command::Mistyped;
use crate::durable;
use crate::installation::create_secret;

/// A file under way. What is not finished is removed.
pub struct NewFile {
    path: PathBuf,
    part: PathBuf,
    // Until it is finished.
    out: Option<Out>,
}

enum Out {
    Plain(BufWriter<File>),
    Encrypted(StreamWriter<BufWriter<File>>),
}

impl NewFile {
    /// Begins a file that is not there yet; for no recipients it is not encrypted.
    pub fn begin(path: &Path, recipients: &[x25519::Recipient]) -> anyhow::Result<Self> {
        if path.exists() {
            bail!("{} is there already; name another file", path.display());
        }
        let part = path.with_added_extension("part");
        let file = create_secret(&part)?;
        // From here on it is removed when something fails.
        let mut new = Self { path: path.to_owned(), part, out: None };
        let out = BufWriter::new(file);
        new.out = Some(match recipients {
            [] => Out::Plain(out),
            _ => {
                let recipients = recipients.iter().map(|recipient| recipient as &dyn Recipient);
                let encryptor = Encryptor::with_recipients(recipients).context("encrypt a file")?;
                Out::Encrypted(encryptor.wrap_output(out).context("encrypt a file")?)
            }
        });
        Ok(new)
    }

    /// Puts it into its place; it is on disk when this returns.
    pub fn finish(mut self) -> anyhow::Result<()> {
        let named = || format!("write {}", self.path.display());
        let out = match self.out.take() {
            Some(Out::Plain(out)) => out,
            Some(Out::Encrypted(out)) => out.finish().with_context(named)?,
            None => bail!("{} is finished already", self.path.display()),
        };
        let file = out.into_inner().map_err(io::IntoInnerError::into_error).with_context(named)?;
        file.sync_all().with_context(named)?;
        durable::rename(&self.part, &self.path).with_context(named)
    }

    /// Its name until it is whole.
    pub fn part(&self) -> &Path {
        &self.part
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.out {
            Some(Out::Plain(out)) => out.write(bytes),
            Some(Out::Encrypted(out)) => out.write(bytes),
            None => Ok(0),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.out {
            Some(Out::Plain(out)) => out.flush(),
            Some(Out::Encrypted(out)) => out.flush(),
            None => Ok(()),
        }
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        // A part of a list in the clear must not stay behind; after a rename there is none.
        let _ = fs::remove_file(&self.part);
    }
}

/// Who a file is for: `age1…` each.
pub fn recipients(texts: &[String]) -> Result<Vec<x25519::Recipient>, Mistyped> {
    let parse = |text: &String| {
        let wrong = |why| format!("{text} is not an age recipient ({why}), which begins with age1");
        x25519::Recipient::from_str(text).map_err(|why| Mistyped::Value(wrong(why)))
    };
    texts.iter().map(parse).collect()
}
