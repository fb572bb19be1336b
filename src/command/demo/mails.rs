//! Mails: the outbox, read as its readers' programs do.

use std::fs;
use std::io;
use std::path::Path;

use anyhow::Context;
use chrono::{DateTime, Utc};
use mail_parser::{Message, MessageParser, MimeHeaders as _};

/// A mail as its reader has it.
#[derive(Debug, Clone, Default)]
pub struct Mail {
    /// Its file in the outbox.
    pub file: String,
    /// `Date`.
    pub at: DateTime<Utc>,
    /// `To`.
    pub to: String,
    /// `Subject`, decoded.
    pub subject: String,
    /// `Message-ID`, without angle brackets; empty when there is none.
    pub message_id: String,
    /// All headers as they stand in the file.
    pub headers: Vec<(String, String)>,
    /// The plain part.
    pub text: String,
    /// The HTML part.
    pub html: String,
    /// Names and texts of what is attached.
    pub attachments: Vec<(String, String)>,
}

/// The mails of an outbox, the newest first.
pub fn read_all(outbox: &Path) -> anyhow::Result<Vec<Mail>> {
    let entries = match fs::read_dir(outbox) {
        Ok(entries) => entries,
        // The first mail makes the folder.
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(err) => return Err(err).context("read the outbox"),
    };
    let mut mails = Vec::new();
    for entry in entries {
        let entry = entry.context("read the outbox")?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".eml") && !name.starts_with('.') {
            let bytes = fs::read(entry.path()).context("read a mail")?;
            let message = MessageParser::default().parse(&bytes).context("a mail has no headers")?;
            mails.push(mail(name, &message));
        }
    }
    mails.sort_by(|a, b| (b.at, &a.file).cmp(&(a.at, &b.file)));
    Ok(mails)
}

fn mail(file: String, message: &Message<'_>) -> Mail {
    let recipient = message.to().and_then(|to| to.first()).and_then(|to| to.address());
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let seconds = message.date().map_or(0, mail_parser::DateTime::to_timestamp);
    Mail {
        file,
        at: DateTime::from_timestamp(seconds, 0).unwrap_or_default(),
        to: text(recipient),
        subject: text(message.subject()),
        message_id: text(message.message_id()),
        headers: message
            .headers_raw()
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect(),
        text: message.body_text(0).unwrap_or_default().into_owned(),
        html: message.body_html(0).unwrap_or_default().into_owned(),
        attachments: message
            .attachments()
            .map(|part| (text(part.attachment_name()), text(part.text_contents())))
            .collect(),
    }
}
