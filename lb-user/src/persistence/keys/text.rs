//! The text of a key file.

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{Key, KeyRing, MOST_KEYS, Secret};

const HEADER: &str = "\
# The keys that seal the load balancer cookies of Holdfast. Secret: who has them can choose the member that serves him.
# Nodes that serve the same clients have the same keys. A line is a key:
# id, created (Unix seconds), seals from (Unix seconds; it opens at all times), secret
";

/// What is wrong with a key file's text.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LineError {
    /// A line is not a key.
    #[error("a key is four words: its id, created, seals from, and its secret; here are {0}")]
    Words(usize),
    /// An id is not as it is written.
    #[error("the id of a key is eight hexadecimal digits, not `{0}`")]
    Id(String),
    /// A time is not a number.
    #[error("`{0}` is not a time: it is to be in seconds since 1970")]
    Time(String),
    /// A secret is not 32 bytes.
    #[error("the secret is to be 32 bytes in base64url without padding, which are 43 characters")]
    Secret,
    /// The secret is another than the id was made for.
    #[error("the id is to be {expected:08x} for this secret: the line was not copied as it was")]
    OtherSecret {
        /// The id that belongs to the secret.
        expected: u32,
    },
    /// A key stands there twice.
    #[error("the key is there already: leave one of the lines")]
    Twice,
    /// There are too many.
    #[error("at most {MOST_KEYS} keys are kept: remove the oldest lines")]
    TooMany,
    /// There is none at all.
    #[error("there is no key: remove the file to have one made, or copy that of another node")]
    NoKey,
}

impl KeyRing {
    /// Reads the text of a key file. An error comes with the number of its line.
    pub(super) fn parse(text: &str) -> Result<Self, (usize, LineError)> {
        let mut keys: Vec<Key> = Vec::new();
        let mut last = 1;
        for (number, line) in (1..).zip(text.lines()) {
            last = number;
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let key = parse_line(line).map_err(|error| (number, error))?;
            if keys.iter().any(|other| other.id == key.id) {
                return Err((number, LineError::Twice));
            }
            if keys.len() == MOST_KEYS {
                return Err((number, LineError::TooMany));
            }
            keys.push(key);
        }
        if keys.is_empty() {
            return Err((last, LineError::NoKey));
        }
        Ok(Self::of(keys))
    }

    /// The text of a key file, with the secrets.
    pub(super) fn to_text(&self) -> String {
        let mut text = HEADER.to_owned();
        for key in &self.keys {
            let secret = URL_SAFE_NO_PAD.encode(key.secret.0);
            // To a string nothing fails.
            let _ = writeln!(
                text,
                "{:08x} {} {} {secret}",
                key.id, key.created_s, key.seals_from_s
            );
        }
        text
    }
}

fn parse_line(line: &str) -> Result<Key, LineError> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let [id, created, seals_from, secret] = words[..] else {
        return Err(LineError::Words(words.len()));
    };
    let id = parse_id(id)?;
    let key = Key::new(
        parse_time(created)?,
        parse_time(seals_from)?,
        parse_secret(secret)?,
    )
    .ok_or(LineError::Secret)?;
    if key.id == id {
        Ok(key)
    } else {
        Err(LineError::OtherSecret { expected: key.id })
    }
}

fn parse_id(word: &str) -> Result<u32, LineError> {
    if word.len() == 8 && word.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        u32::from_str_radix(word, 16).map_err(|_| LineError::Id(word.to_owned()))
    } else {
        Err(LineError::Id(word.to_owned()))
    }
}

fn parse_time(word: &str) -> Result<u32, LineError> {
    if word.bytes().all(|byte| byte.is_ascii_digit()) {
        word.parse().map_err(|_| LineError::Time(word.to_owned()))
    } else {
        Err(LineError::Time(word.to_owned()))
    }
}

fn parse_secret(word: &str) -> Result<Secret, LineError> {
    // The decoder wants room for what a text of that length could hold at most.
    let mut decoded = [0; 64];
    let length = URL_SAFE_NO_PAD
        .decode_slice(word, &mut decoded)
        .map_err(|_| LineError::Secret)?;
    match decoded.first_chunk() {
        Some(secret) if length == secret.len() => Ok(Secret(*secret)),
        _ => Err(LineError::Secret),
    }
}
