//! The time as HTTP writes it (RFC 9110, section 5.6.7), which is written once a second.

use std::cell::RefCell;

use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};

/// As in `Wed, 25 Nov 2026 23:21:38 GMT`.
const FORM: &[BorrowedFormatItem<'_>] =
    format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");

/// The field of responses that have none of their own, as a line.
#[derive(Debug, Default)]
pub(super) struct DateLine(RefCell<(u32, Vec<u8>)>);

impl DateLine {
    /// Writes it, for that time in seconds since 1970.
    pub(super) fn write(&self, unix_s: u32, out: &mut Vec<u8>) {
        let mut known = self.0.borrow_mut();
        let (written_s, line) = &mut *known;
        if *written_s != unix_s || line.is_empty() {
            *written_s = unix_s;
            line.clear();
            let time = OffsetDateTime::from_unix_timestamp(unix_s.into()).ok();
            // A time that cannot be written is none that a clock says.
            if let Some(date) = time.and_then(|time| time.format(FORM).ok()) {
                line.extend_from_slice(format!("Date: {date}\r\n").as_bytes());
            }
        }
        out.extend_from_slice(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_is_that_of_the_second() {
        let date = DateLine::default();
        for (unix_s, written) in [
            (0, "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"),
            (1_795_648_898, "Date: Wed, 25 Nov 2026 23:21:38 GMT\r\n"),
            (1_795_648_898, "Date: Wed, 25 Nov 2026 23:21:38 GMT\r\n"),
            (1_795_648_899, "Date: Wed, 25 Nov 2026 23:21:39 GMT\r\n"),
        ] {
            let mut out = Vec::new();
            date.write(unix_s, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), written);
        }
    }
}
