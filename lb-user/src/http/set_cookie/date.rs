//! The dates of cookies, as the algorithm of RFC 6265 section 5.1.1 reads them: whatever servers have ever sent.

use std::ops::RangeInclusive;

const MONTHS: [&[u8]; 12] = [
    b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec",
];

/// The date in seconds since 1970; before that, negative. Nothing if it is none.
pub(super) fn unix_seconds(text: &[u8]) -> Option<i64> {
    let mut date = Date::default();
    for token in text.split(|&byte| is_delimiter(byte)) {
        date.take(token);
    }
    date.unix_seconds()
}

const fn is_delimiter(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'/' | b';'..=b'@' | b'['..=b'`' | b'{'..=b'~')
}

/// What has been found so far.
#[derive(Default)]
struct Date {
    /// Hours, minutes and seconds.
    time: Option<[i64; 3]>,
    day: Option<i64>,
    /// From 1.
    month: Option<i64>,
    year: Option<i64>,
}

impl Date {
    /// A token is the first of these that it can be and that is still missing.
    fn take(&mut self, token: &[u8]) {
        if fill(&mut self.time, || time(token))
            || fill(&mut self.day, || leading_number(token, 1..=2))
            || fill(&mut self.month, || month(token))
        {
            return;
        }
        fill(&mut self.year, || leading_number(token, 2..=4).map(year_in_full));
    }

    fn unix_seconds(&self) -> Option<i64> {
        let ([hour, minute, second], day, month, year) = (self.time?, self.day?, self.month?, self.year?);
        let is_right = hour <= 23
            && minute <= 59
            && second <= 59
            && year >= 1601
            && (1..=days_of_month(year, month)).contains(&day);
        let time_s = (hour * 60 + minute) * 60 + second;
        is_right.then(|| days_since_1970(year, month, day) * 86_400 + time_s)
    }
}

/// Fills what is missing; whether it did.
fn fill<T>(missing: &mut Option<T>, find: impl FnOnce() -> Option<T>) -> bool {
    if missing.is_some() {
        return false;
    }
    *missing = find();
    missing.is_some()
}

/// `1*2DIGIT ":" 1*2DIGIT ":" 1*2DIGIT`, and no further digit.
fn time(token: &[u8]) -> Option<[i64; 3]> {
    let (hour, rest) = number(token, 1..=2)?;
    let (minute, rest) = number(rest.strip_prefix(b":")?, 1..=2)?;
    let (second, _) = number(rest.strip_prefix(b":")?, 1..=2)?;
    Some([hour, minute, second])
}

/// From 1; whatever follows the first three letters.
fn month(token: &[u8]) -> Option<i64> {
    let name = token.get(..3)?;
    let index = MONTHS.iter().position(|month| name.eq_ignore_ascii_case(month))?;
    Some(index as i64 + 1)
}

fn leading_number(token: &[u8], digits: RangeInclusive<usize>) -> Option<i64> {
    number(token, digits).map(|(number, _)| number)
}

/// The number that `text` begins with, if it has so many digits, and what follows it.
fn number(text: &[u8], digits: RangeInclusive<usize>) -> Option<(i64, &[u8])> {
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = text.split_at(length);
    digits.contains(&length).then(|| {
        (
            number
                .iter()
                .fold(0, |number, digit| number * 10 + i64::from(digit - b'0')),
            rest,
        )
    })
}

const fn year_in_full(year: i64) -> i64 {
    match year {
        0..=69 => year + 2000,
        70..=99 => year + 1900,
        _ => year,
    }
}

const fn days_of_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// By the Gregorian calendar, whose leap day is best counted as the last of a year that begins in March.
const fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days_before_year = year * 365 + year / 4 - year / 100 + year / 400;
    // The lengths of the months from March on follow this line.
    let days_before_month = (153 * month + 2) / 5;
    let first_of_march_of_year_0_to_1970 = 719_468;
    days_before_year + days_before_month + day - 1 - first_of_march_of_year_0_to_1970
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> Option<i64> {
        unix_seconds(text.as_bytes())
    }

    #[test]
    fn every_usual_form_of_a_date_is_the_same_date() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "Sun, 06-Nov-1994 08:49:37 GMT",
            "6 november 94 8:49:37",
            "1994 nov 6 08:49:37",
            "\"Sun, 06 Nov 1994 08:49:37 GMT\"",
            "08:49:37Z 06th NOV 1994",
        ] {
            // `1994` in front has four digits: too many for a day.
            assert_eq!(seconds(text), Some(784_111_777), "{text}");
        }
    }

    #[test]
    fn years_of_two_digits_are_within_1970_and_2069() {
        assert_eq!(seconds("01-Jan-70 00:00:00"), Some(0));
        assert_eq!(seconds("31-Dec-69 23:59:59"), seconds("31-Dec-2069 23:59:59"));
        assert_eq!(seconds("01-Jan-99 00:00:00"), seconds("01-Jan-1999 00:00:00"));
    }

    #[test]
    fn a_leap_day_is_one_only_in_a_leap_year() {
        assert_eq!(seconds("29 Feb 2000 00:00:00"), Some(951_782_400));
        assert_eq!(seconds("29 Feb 2024 00:00:00"), Some(1_709_164_800));
        assert_eq!(seconds("29 Feb 2023 00:00:00"), None);
        assert_eq!(seconds("29 Feb 2100 00:00:00"), None);
    }

    #[test]
    fn the_first_and_the_last_date_are_counted_right() {
        assert_eq!(seconds("01 Jan 1601 00:00:00"), Some(-11_644_473_600));
        assert_eq!(seconds("31 Dec 9999 23:59:59"), Some(253_402_300_799));
        assert_eq!(seconds("31 Dec 1600 23:59:59"), None);
    }

    #[test]
    fn what_no_clock_or_calendar_shows_is_no_date() {
        for text in [
            "06 Nov 1994 24:00:00",
            "06 Nov 1994 08:60:00",
            "06 Nov 1994 08:00:60",
            "00 Nov 1994 08:49:37",
            "31 Nov 1994 08:49:37",
            "06 Nov 123 08:49:37",
            "06 Nov 12345 08:49:37",
            "06 Nov 1994 08:49",
            "06 Nov 1994 008:49:37",
            "06 1994 08:49:37",
            "Nov 1994 08:49:37",
            "0",
            "-1",
            "",
        ] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[test]
    fn days_follow_one_another_through_four_centuries() {
        let mut expected = days_since_1970(1600, 1, 1);
        for (year, month) in (1600..2001).flat_map(|year| (1..=12).map(move |month| (year, month))) {
            for day in 1..=days_of_month(year, month) {
                assert_eq!(days_since_1970(year, month, day), expected);
                expected += 1;
            }
        }
    }
}
