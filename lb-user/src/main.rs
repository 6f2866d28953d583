//! The `holdfast` binary: the daemon and its command line.

fn main() -> anyhow::Result<()> {
    Ok(())
}
