//! The `holdfast` binary: the daemon and its command line.

use std::process::ExitCode;

use lb_user::cli;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run()
}
