//! Running `cargo test`, passing its output on while counting.

use std::io::{BufRead as _, BufReader, Write};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

use super::count::Counts;

/// Runs one `cargo test` and counts its tests.
pub(crate) fn count(command: &mut Command) -> Result<Counts> {
    count_into(&mut std::io::stdout(), command)
}

fn count_into(seen: &mut impl Write, command: &mut Command) -> Result<Counts> {
    // Only the tests' own words come this way; cargo's are on standard error and go to the terminal directly.
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start cargo test")?;
    let output = child.stdout.take().context("cargo test has no output")?;
    let mut counts = Counts::default();
    let mut lines = BufReader::new(output);
    let mut line = Vec::new();
    // Bytes, since a failing test may print what is not text.
    while lines.read_until(b'\n', &mut line)? > 0 {
        seen.write_all(&line)?;
        seen.flush()?;
        if let Some(more) = Counts::of_line(&String::from_utf8_lossy(&line)) {
            counts += more;
        }
        line.clear();
    }
    let status = child.wait()?;
    if !status.success() && counts.failed == 0 {
        writeln!(
            seen,
            "no test failed, but `cargo test` did ({status}): something did not build, or a program died"
        )?;
        counts += Counts::FAILED;
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OK: &str =
        "test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s";

    fn shell(script: &str) -> Counts {
        // Not to our own standard output: these counts would be added to the real ones.
        count_into(&mut std::io::sink(), Command::new("sh").args(["-c", script])).unwrap()
    }

    #[test]
    fn results_of_several_programs_are_added() {
        assert_eq!(
            shell(&format!("echo '{OK}'; echo other; echo '{OK}'")),
            Counts {
                passed: 4,
                failed: 0,
                ignored: 0
            }
        );
    }

    #[test]
    fn a_program_that_dies_without_a_result_is_a_failure() {
        assert_eq!(
            shell(&format!("echo '{OK}'; exit 101")),
            Counts {
                passed: 2,
                failed: 1,
                ignored: 0
            }
        );
    }

    #[test]
    fn output_that_is_not_text_is_passed_on() {
        assert_eq!(shell(&format!("printf '\\377\\n'; echo '{OK}'")).passed, 2);
    }
}
