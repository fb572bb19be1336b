//! Command: one file per command.
//!
//! Exit 0: done. 1: problems found in what people wrote, or a name that leads to nothing. 2: usage. 3: our side failed.

mod audit;
mod backup;
mod bounce;
mod browser;
mod build;
mod check;
mod deliver;
mod demo;
mod dkim;
mod doctor;
mod edition;
mod hold;
mod init;
mod key;
mod new;
mod newfile;
mod plan;
mod press;
mod preview;
mod publish;
mod queue;
mod serve;
mod signing;
mod subscribers;
mod withdraw;
pub mod terminal; // what a person or a script reads

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::clock::Clock;
use crate::command::terminal::complain;
use crate::fields;
use crate::installation::{BadConfig, Installation, NoInstallation};

/// Publishes notices: one Markdown file goes out as mail, feeds, a calendar, pages and signed webhooks.
#[derive(Debug, Parser)]
#[command(name = "handbill", version, max_term_width = 100)]
pub struct Cli {
    /// The folder with handbill.toml.
    #[arg(long, short = 'C', global = true, default_value = ".", value_name = "FOLDER")]
    pub root: PathBuf,
    /// How much is logged, such as `info` or `handbill=debug`.
    #[arg(long, global = true, value_name = "FILTER")]
    pub log: Option<String>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make an installation: config, key, ledger, and notices to begin with.
    Init(init::Arguments),
    /// Begin a notice from a template of its kind.
    New(new::Arguments),
    /// Show every problem of every notice.
    Check(check::Arguments),
    /// Show every output of one notice; nothing is published.
    Preview(preview::Arguments),
    /// Show what goes out, when, to how many and why; nothing is sent.
    Plan(plan::Arguments),
    /// Print a link by which journalists read a notice before its embargo ends.
    Press(press::Arguments),
    /// Take a notice back, everywhere.
    Withdraw(withdraw::Arguments),
    /// Publish what is due: one look, or until stopped.
    Publish(publish::Arguments),
    /// Deliver what is due: until nothing waits, or until stopped.
    Deliver(deliver::Arguments),
    /// Publish, deliver and serve the pages in one process.
    Serve(serve::Arguments),
    /// Play two seasons of the example collective in a minute or two; needs nothing installed.
    Demo(demo::Arguments),
    /// Write all documents into a folder, for any static host.
    Build(build::Arguments),
    /// Show what waits.
    Queue(queue::Arguments),
    /// Show one edition: its counts and its tries; decide about its uncertain mails.
    Edition(edition::Arguments),
    /// Who is subscribed, in counts; in from a file, and out to one.
    Subscribers(subscribers::Arguments),
    /// Show what operators did.
    Audit(audit::Arguments),
    /// The key that signs what is published, in the format of minisign.
    Signing(signing::Arguments),
    /// Say whether a file is as it was published, by its signature.
    Verify(signing::Verify),
    /// Keys that sign the mails, and the records that publish them.
    Dkim(dkim::Arguments),
    /// Write all that cannot be made again into one encrypted file.
    Backup(backup::Arguments),
    /// Make an installation from a backup; sending is held.
    Restore(backup::Restore),
    /// Change the key of the addresses, or put it under a passphrase.
    Key(key::Arguments),
    /// Destroy the key: no address can be read after that, by anybody.
    Wipe(key::Wipe),
    /// Take a mail that came back, from an MTA: a bounce, a complaint or a wish to leave on standard input.
    Bounce(bounce::Arguments),
    /// Look for what would keep things from going out.
    Doctor(doctor::Arguments),
    /// Stop all sending; pages stay.
    Pause,
    /// Let sending go on.
    Resume,
}

impl Command {
    fn is_service(&self) -> bool {
        match self {
            Self::Serve(_) => true,
            Self::Publish(arguments) => arguments.watch,
            Self::Deliver(arguments) => arguments.watch,
            Self::Init(_)
            | Self::New(_)
            | Self::Check(_)
            | Self::Plan(_)
            | Self::Build(_)
            | Self::Queue(_)
            | Self::Edition(_)
            | Self::Subscribers(_)
            | Self::Audit(_)
            | Self::Signing(_)
            | Self::Verify(_)
            | Self::Dkim(_)
            | Self::Backup(_)
            | Self::Restore(_)
            | Self::Key(_)
            | Self::Wipe(_)
            | Self::Bounce(_)
            | Self::Doctor(_)
            | Self::Demo(_)
            | Self::Preview(_)
            | Self::Press(_)
            | Self::Withdraw(_)
            | Self::Pause
            | Self::Resume => false,
        }
    }
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Done.
    Well,
    /// What people wrote has problems.
    WithProblems,
}

/// What somebody typed behind a command, and why nothing comes of it.
#[derive(Debug, thiserror::Error)]
pub enum Mistyped {
    /// A name that leads to nothing.
    #[error("{0}")]
    Name(String),
    /// A value that is none of its kind.
    #[error("{0}")]
    Value(String),
}

/// What is said behind a name that leads to nothing: which was probably meant, or else where they are.
pub fn meant(typed: &str, known: &[&str], where_they_are: &str) -> String {
    fields::nearest(typed, known)
        .map_or_else(|| format!("; {where_they_are}"), |near| format!(", did you mean {near}?"))
}

/// The error of reading a file that somebody named: one that is not there is a name that leads to nothing.
pub fn unread(path: &Path, err: io::Error) -> anyhow::Error {
    if err.kind() == io::ErrorKind::NotFound {
        return Mistyped::Name(format!("there is no file {}", path.display())).into();
    }
    anyhow::Error::new(err).context(format!("read {}", path.display()))
}

/// Runs one command and answers its exit code.
pub fn run(cli: Cli, clock: Clock) -> ExitCode {
    // The demo's outage misses editions on purpose, and the timeline says so.
    let filter = cli.log.as_deref().or(matches!(cli.command, Command::Demo(_)).then_some("error"));
    terminal::start_log(filter, cli.command.is_service());
    // One provider for TLS in the whole process; a second call would only say that there is one.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(err) => {
            complain(format_args!("handbill cannot start: {err}"));
            return ExitCode::from(3);
        }
    };
    let is_of_an_mta = matches!(cli.command, Command::Bounce(_));
    match runtime.block_on(dispatch(cli, clock)) {
        Ok(Ended::Well) => ExitCode::SUCCESS,
        Ok(Ended::WithProblems) => ExitCode::from(1),
        Err(err) if err.is::<terminal::PipeClosed>() => ExitCode::SUCCESS,
        Err(err) if is_of_an_mta => {
            // Whatever keeps us from taking a mail, a config with problems too: the MTA is to bring it again.
            complain(format_args!("handbill: {err:#}"));
            ExitCode::from(bounce::COME_AGAIN)
        }
        Err(err) => {
            if let Some(BadConfig(report)) = err.downcast_ref() {
                complain(report.pretty(terminal::is_colored()).trim_end());
                return ExitCode::from(1);
            }
            complain(format_args!("handbill: {err:#}"));
            ExitCode::from(match err.downcast_ref() {
                Some(Mistyped::Name(_)) => 1,
                Some(Mistyped::Value(_)) => 2,
                None if err.is::<NoInstallation>() => 1,
                None => 3,
            })
        }
    }
}

async fn dispatch(cli: Cli, clock: Clock) -> anyhow::Result<Ended> {
    let root = cli.root;
    match cli.command {
        Command::Init(arguments) => init::run(&root, &arguments, &clock).await,
        Command::New(arguments) => new::run(&Installation::open(&root)?, &arguments, &clock),
        Command::Check(arguments) => check::run(&Installation::open(&root)?, &arguments, &clock).await,
        Command::Preview(arguments) => preview::run(&Installation::open(&root)?, &arguments, &clock).await,
        Command::Press(arguments) => press::run(&Installation::open(&root)?, &arguments, &clock).await,
        Command::Withdraw(arguments) => withdraw::run(&Installation::open(&root)?, &arguments),
        Command::Plan(arguments) => plan::run(&Installation::open(&root)?, &arguments, &clock).await,
        Command::Publish(arguments) => publish::run(&Installation::open(&root)?, &arguments, &clock).await,
        Command::Deliver(arguments) => deliver::run(&Installation::open(&root)?, &arguments, &clock).await,
        Command::Serve(arguments) => serve::run(&Installation::open(&root)?, &arguments, &clock).await,
        Command::Demo(arguments) => demo::run(&arguments).await,
        Command::Build(arguments) => build::run(&Installation::open(&root)?, &arguments, &clock).await,
        Command::Queue(arguments) => queue::run(&Installation::open(&root)?, &arguments, &clock).await,
        Command::Edition(arguments) => edition::run(&Installation::open(&root)?, &arguments, &clock).await,
        Command::Subscribers(arguments) => {
            subscribers::run(&Installation::open(&root)?, &arguments, &clock).await
        }
        Command::Audit(arguments) => audit::run(&Installation::open(&root)?, &arguments).await,
        Command::Signing(arguments) => signing::run(&Installation::open(&root)?, &arguments, &clock).await,
        Command::Verify(arguments) => signing::check(&root, &arguments),
        Command::Dkim(arguments) => dkim::run(&Installation::open(&root)?, &arguments, &clock),
        Command::Backup(arguments) => backup::run(&Installation::open(&root)?, &arguments, &clock).await,
        Command::Restore(arguments) => backup::restore(&root, &arguments, &clock).await,
        Command::Key(arguments) => key::run(&Installation::open(&root)?, &arguments, &clock).await,
        Command::Wipe(arguments) => key::wipe(&Installation::open(&root)?, &arguments, &clock).await,
        Command::Bounce(arguments) => bounce::run(&root, &arguments, &clock).await,
        Command::Doctor(arguments) => doctor::run(&Installation::open(&root)?, &arguments, &clock).await,
        Command::Pause => hold::pause(&Installation::open(&root)?, &clock).await,
        Command::Resume => hold::resume(&Installation::open(&root)?, &clock).await,
    }
}
