//! The `holdfast` binary: the daemon and its command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    match lb_user::cli::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("holdfast: {error:#}");
            ExitCode::FAILURE
        }
    }
}
