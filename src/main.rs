//! Handbill's program: reads the command line, runs one command, answers with its exit code.

use std::process::ExitCode;

use clap::Parser as _;

use handbill::clock::Clock;
use handbill::command::{self, Cli};

fn main() -> ExitCode {
    let cli = Cli::parse();
    command::run(cli, Clock::wall())
}
