//! In which form they are told.

use std::{
    fmt,
    io::{self, Write as _},
};

use flate2::{Compression, write::GzEncoder};
use prometheus_client::{
    encoding::{prometheus_text, text},
    registry::Registry,
};

/// A text that readers know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// That of Prometheus, 0.0.4.
    Prometheus,
    /// `OpenMetrics` 1.0.
    OpenMetrics,
}

/// How the text travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// As it is.
    Identity,
    /// Compressed.
    Gzip,
}

impl Form {
    /// What it is called, for `Content-Type`.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => prometheus_text::CONTENT_TYPE,
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    pub(super) fn write(self, coding: Coding, registry: &Registry) -> io::Result<Vec<u8>> {
        match coding {
            Coding::Identity => {
                let mut text = String::new();
                self.encode(&mut text, registry)?;
                Ok(text.into_bytes())
            }
            Coding::Gzip => {
                // The text is never there as a whole. A better compression takes several times as long and saves a tenth: most of
                // it are ids, which are random.
                let mut text = Compressed(GzEncoder::new(Vec::new(), Compression::fast()));
                self.encode(&mut text, registry)?;
                text.0.finish()
            }
        }
    }

    fn encode(self, text: &mut impl fmt::Write, registry: &Registry) -> io::Result<()> {
        let encoded = match self {
            Self::Prometheus => prometheus_text::encode(text, registry),
            Self::OpenMetrics => text::encode(text, registry),
        };
        encoded.map_err(io::Error::other)
    }
}

/// Text that is compressed as it comes.
struct Compressed(GzEncoder<Vec<u8>>);

impl fmt::Write for Compressed {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write_all(text.as_bytes()).map_err(|_| fmt::Error)
    }
}
