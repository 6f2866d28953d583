//! What a request wants answered, by its query: see [`crate::http`].

use super::Fields;

/// What a request wants answered.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) status: Option<u16>,
    pub(super) size: Option<usize>,
    pub(super) drip_ms: Option<u64>,
    pub(super) delay_ms: Option<u64>,
    pub(super) cut: Option<usize>,
    /// The member that does not take the stream.
    pub(super) refused_by: Option<String>,
    pub(super) fields: Fields,
    manners: Vec<Manner>,
}

/// How it wants that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    Chunked,
    Early,
    Last,
    Hints,
    Silent,
    Garbage,
    Gone,
    Well,
}

impl Page {
    pub(super) fn of(target: &str) -> Self {
        let mut page = Self::default();
        let query = target.split_once('?').map_or("", |(_, query)| query);
        for wish in query.split('&') {
            let (name, value) = wish.split_once('=').unwrap_or((wish, ""));
            let number = value.parse::<u64>().ok();
            let manner = match name {
                "chunked" => Manner::Chunked,
                "early" => Manner::Early,
                "last" => Manner::Last,
                "hints" => Manner::Hints,
                "silent" => Manner::Silent,
                "garbage" => Manner::Garbage,
                "gone" => Manner::Gone,
                "well" => Manner::Well,
                _ => {
                    match name {
                        "status" => page.status = value.parse().ok(),
                        "size" => page.size = value.parse().ok(),
                        "drip_ms" => page.drip_ms = number,
                        "delay_ms" => page.delay_ms = number,
                        "cut" => page.cut = value.parse().ok(),
                        "named" => page.fields.push(("Connection".to_owned(), value.to_owned())),
                        "upgrade" => page.fields.push(("Upgrade".to_owned(), value.to_owned())),
                        "refused_by" => page.refused_by = Some(value.to_owned()),
                        "set" => page.cookie(format!("{value}; Path=/; HttpOnly")),
                        "clear_other" => page.cookie(format!("{value}=gone; Path=/other; Max-Age=0")),
                        "clear" => page.cookie(format!("{value}=gone; Path=/; Max-Age=0")),
                        _ => {}
                    }
                    continue;
                }
            };
            page.manners.push(manner);
        }
        page
    }

    pub(super) fn wants(&self, manner: Manner) -> bool {
        self.manners.contains(&manner)
    }

    /// Whether the connection ends with it.
    pub(super) fn is_last(&self) -> bool {
        self.wants(Manner::Last) || self.wants(Manner::Early)
    }

    fn cookie(&mut self, cookie: String) {
        self.fields.push(("Set-Cookie".to_owned(), cookie));
    }
}
