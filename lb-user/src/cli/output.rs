//! Writing to standard output and standard error, of which either may be gone.

use std::{
    fmt::Display,
    io::{self, ErrorKind, Write},
};

use super::escape;

/// Writes a text and ends its last line. Whoever reads may have seen enough: that is no error.
pub(super) fn print(text: impl Display) -> io::Result<()> {
    write(&mut io::stdout().lock(), &text)
}

/// The same to standard error, for people; nothing can be said about an error there.
pub(super) fn complain(text: impl Display) {
    let text = text.to_string();
    let _ = write(&mut io::stderr().lock(), &escape::lines(&text));
}

fn write(out: &mut impl Write, text: &dyn Display) -> io::Result<()> {
    let written = writeln!(out, "{}", text.to_string().trim_end()).and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Somebody who takes nothing.
    struct Gone(ErrorKind);

    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn only_a_reader_who_has_gone_is_no_error() {
        assert!(write(&mut Gone(ErrorKind::BrokenPipe), &"text").is_ok());
        let full = write(&mut Gone(ErrorKind::StorageFull), &"text").unwrap_err();
        assert_eq!(full.kind(), ErrorKind::StorageFull);
    }
}
