//! Values as people write them, and as the API has them.

use std::net::{IpAddr, SocketAddr};

use serde_json::{Map, Value as Json, json};

use crate::{
    config::closest,
    model::{PersistenceType, Word as _},
};

/// Seconds: `90s`, `20m`, `1h`, or a number of seconds.
pub(super) fn seconds(text: &str) -> Result<u64, String> {
    let milliseconds = match text.parse::<u64>() {
        Ok(seconds) => seconds.checked_mul(1000),
        Err(_) => milliseconds_of(text),
    };
    let right = "write it as in 90s, 20m or 1h";
    match milliseconds {
        Some(milliseconds) if milliseconds.is_multiple_of(1000) => Ok(milliseconds / 1000),
        Some(_) => Err(format!("it has to be whole seconds; {right}")),
        None => Err(format!("it is no duration; {right}")),
    }
}

/// Milliseconds, never without a unit: half of the world would take a bare number for seconds.
pub(super) fn milliseconds(text: &str) -> Result<u64, String> {
    let right = "write it with its unit, as in 500ms, 50s or 2m";
    milliseconds_of(text).ok_or_else(|| format!("it is no duration; {right}"))
}

fn milliseconds_of(text: &str) -> Option<u64> {
    const UNITS: [(&str, u64); 5] = [
        ("ms", 1),
        ("s", 1000),
        ("m", 60_000),
        ("h", 3_600_000),
        ("d", 86_400_000),
    ];
    let unit = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(unit);
    let (_, unit) = UNITS.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*unit)
}

/// Session persistence: `type=HTTP_COOKIE,timeout=20m`, or `none`.
pub(super) fn session_persistence(text: &str) -> Result<Json, String> {
    const KEYS: [&str; 5] = [
        "type",
        "timeout",
        "absolute_timeout",
        "cookie_name",
        "granularity",
    ];
    if text.eq_ignore_ascii_case("none") {
        return Ok(Json::Null);
    }
    let mut body = Map::new();
    for (key, value) in text.split(',').map(pair).collect::<Result<Vec<_>, _>>()? {
        let (field, value) = match key {
            "type" => ("type", json!(persistence_type(value)?)),
            "timeout" | "absolute_timeout" => {
                let seconds = seconds(value).map_err(|complaint| format!("{key}={value}: {complaint}"))?;
                let field = if key == "timeout" {
                    "persistence_timeout"
                } else {
                    key
                };
                (field, json!(seconds))
            }
            "cookie_name" => ("cookie_name", json!(value)),
            "granularity" => ("persistence_granularity", json!(value)),
            other => {
                let hint = closest(other, KEYS).map(|key| format!("; did you mean {key}?"));
                return Err(format!(
                    "there is no {other}, but {}{}",
                    KEYS.join(", "),
                    hint.unwrap_or_default()
                ));
            }
        };
        if body.insert(field.to_owned(), value).is_some() {
            return Err(format!("{key} stands there twice; leave one out"));
        }
    }
    Ok(body.into())
}

fn persistence_type(text: &str) -> Result<PersistenceType, String> {
    let word = text.to_ascii_uppercase();
    PersistenceType::from_word(&word).ok_or_else(|| {
        let words: Vec<_> = PersistenceType::ALL.iter().map(|kind| kind.word()).collect();
        format!("type={text}: it is one of {}, or none", words.join(", "))
    })
}

/// `KEY=VALUE`
fn pair(text: &str) -> Result<(&str, &str), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() && !value.trim().is_empty() => {
            Ok((key.trim(), value.trim()))
        }
        _ => Err(format!("\"{text}\" is not KEY=VALUE")),
    }
}

/// A part of a dictionary: `KEY=VALUE`.
pub(super) fn entry(text: &str) -> Result<Json, String> {
    let (key, value) = pair(text)?;
    Ok(json!({ key: value }))
}

/// Address and port, with which fields of the API they are.
pub(super) fn endpoint(text: &str) -> Result<Json, String> {
    let endpoint: SocketAddr = text
        .parse()
        .map_err(|_| "write it as in 192.0.2.30:8080 or [2001:db8::30]:8080".to_owned())?;
    Ok(json!({"address": endpoint.ip(), "protocol_port": endpoint.port()}))
}

pub(super) fn address(text: &str) -> Result<Json, String> {
    let address: IpAddr = text
        .parse()
        .map_err(|_| "write an IPv4 or IPv6 address, as in 192.0.2.10 or 2001:db8::10".to_owned())?;
    Ok(json!(address))
}

pub(super) fn number(text: &str) -> Result<Json, String> {
    let number: i64 = text.parse().map_err(|_| "write a whole number".to_owned())?;
    Ok(json!(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_number_and_its_unit() {
        for (text, is) in [
            ("90s", 90),
            ("20m", 1200),
            ("1h", 3600),
            ("2d", 172_800),
            ("5", 5),
            ("2000ms", 2),
        ] {
            assert_eq!(seconds(text), Ok(is), "{text}");
        }
        for text in ["", "m", "20 m", "1.5h", "-5", "20min", "99999999999999999999h"] {
            let complaint = seconds(text).unwrap_err();
            assert_eq!(
                complaint, "it is no duration; write it as in 90s, 20m or 1h",
                "{text}"
            );
        }
        assert!(seconds("1500ms").unwrap_err().contains("whole seconds"));
        assert_eq!(milliseconds("50s"), Ok(50_000));
        assert_eq!(milliseconds("500ms"), Ok(500));
        assert!(milliseconds("50000").unwrap_err().contains("with its unit"));
    }

    #[test]
    fn session_persistence_is_said_in_one_word_of_pairs() {
        for (text, is) in [
            (
                "type=HTTP_COOKIE,timeout=20m",
                json!({"type": "HTTP_COOKIE", "persistence_timeout": 1200}),
            ),
            (
                "type=app_cookie,cookie_name=JSESSIONID",
                json!({"type": "APP_COOKIE", "cookie_name": "JSESSIONID"}),
            ),
            (
                "type=SOURCE_IP, granularity=255.255.255.0",
                json!({"type": "SOURCE_IP", "persistence_granularity": "255.255.255.0"}),
            ),
            ("timeout=1h", json!({"persistence_timeout": 3600})),
            (
                "timeout=20m,absolute_timeout=8h",
                json!({"persistence_timeout": 1200, "absolute_timeout": 28_800}),
            ),
            ("none", Json::Null),
        ] {
            assert_eq!(session_persistence(text), Ok(is), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_with_session_persistence_is_said_with_what_would_be_right() {
        for (text, says) in [
            ("HTTP_COOKIE", "\"HTTP_COOKIE\" is not KEY=VALUE"),
            (
                "type=COOKIE",
                "it is one of SOURCE_IP, HTTP_COOKIE, APP_COOKIE, or none",
            ),
            ("type=HTTP_COOKIE,timeout=soon", "timeout=soon: it is no duration"),
            ("type=HTTP_COOKIE,timout=5m", "did you mean timeout?"),
            ("timeout=5m,timeout=6m", "timeout stands there twice"),
            ("type=,timeout=5m", "\"type=\" is not KEY=VALUE"),
        ] {
            let complaint = session_persistence(text).unwrap_err();
            assert!(complaint.contains(says), "{text}: {complaint}");
        }
    }

    #[test]
    fn a_member_is_where_it_is() {
        let fields = json!({"address": "2001:db8::30", "protocol_port": 8080});
        assert_eq!(endpoint("[2001:db8::30]:8080"), Ok(fields));
        assert!(endpoint("192.0.2.30").unwrap_err().contains("192.0.2.30:8080"));
    }
}
