//! What whoever asks would rather have: metrics in which form, and whether an answer is compressed (RFC 9110, section 12).

use axum::http::{
    HeaderMap, HeaderName,
    header::{ACCEPT, ACCEPT_ENCODING},
};

use crate::metrics::Form;

/// Something that is named in a field, such as `text/plain; version=0.0.4; q=0.5` or `gzip`.
struct Named<'h> {
    what: &'h str,
    parameters: Vec<(&'h str, &'h str)>,
}

fn named(headers: &HeaderMap, field: HeaderName) -> impl Iterator<Item = Named<'_>> {
    let lines = headers.get_all(field).into_iter();
    let all = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','));
    all.map(|one| {
        let mut parts = one.split(';').map(str::trim);
        Named {
            what: parts.next().unwrap_or_default(),
            parameters: parts.filter_map(|part| part.split_once('=')).collect(),
        }
    })
}

impl Named<'_> {
    fn is(&self, what: &str) -> bool {
        self.what.eq_ignore_ascii_case(what)
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        let mut parameters = self.parameters.iter();
        let (_, value) = parameters.find(|(of, _)| of.eq_ignore_ascii_case(name))?;
        Some(value.trim_matches('"'))
    }

    /// How much it is wanted, in thousandths.
    fn weight(&self) -> i32 {
        let weight = self.parameter("q").map_or(Ok(1.0), str::parse::<f32>);
        weight.map_or(0, |weight| (weight.clamp(0.0, 1.0) * 1000.0) as i32)
    }
}

/// How exactly a form is asked for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum By {
    Anything,
    Kind,
    Name,
}

/// How much a form is wanted, and by what; none where it is not. What is most exact is what counts.
fn wish(headers: &HeaderMap, [kind, name, version]: [&str; 3]) -> Option<(i32, By)> {
    let wishes = named(headers, ACCEPT).filter_map(|range| {
        let by = if range.is(name) && range.parameter("version").is_none_or(|of| of == version) {
            By::Name
        } else if range.is(kind) {
            By::Kind
        } else if range.is("*/*") {
            By::Anything
        } else {
            return None;
        };
        Some((by, range.weight()))
    });
    let (by, weight) = wishes.max()?;
    (weight > 0).then_some((weight, by))
}

/// `OpenMetrics` for those who name it, unless they like the other one better: whoever takes anything is a person, or a program
/// that does not know it. That one is also for those who take neither.
pub(super) fn form(headers: &HeaderMap) -> Form {
    let open = wish(
        headers,
        ["application/*", "application/openmetrics-text", "1.0.0"],
    );
    let other = wish(headers, ["text/*", "text/plain", "0.0.4"]);
    let is_named = open.is_some_and(|(_, by)| by == By::Name);
    if open > other || (open == other && is_named) {
        Form::OpenMetrics
    } else {
        Form::Prometheus
    }
}

/// Compressed for those who take that, unless they like it better as it is.
pub(super) fn takes_gzip(headers: &HeaderMap) -> bool {
    let weight = |what| {
        let mut named = named(headers, ACCEPT_ENCODING).filter(|one| one.is(what));
        named.next().map(|one| one.weight())
    };
    let gzip = weight("gzip").or_else(|| weight("*")).unwrap_or(0);
    gzip > 0 && gzip >= weight("identity").unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(field: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(field, value.parse().unwrap())])
    }

    #[test]
    fn each_is_told_in_the_form_that_it_likes_best_and_those_who_like_none_as_text() {
        let (open, text) = (Form::OpenMetrics, Form::Prometheus);
        assert_eq!(form(&HeaderMap::new()), text);
        for (accept, expected) in [
            // Prometheus 3, with each choice of `scrape_protocols` that is text; and 2.
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                 application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
                 text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                open,
            ),
            (
                "text/plain;version=0.0.4;q=0.4,application/openmetrics-text;version=1.0.0;q=0.3,*/*;q=0.2",
                text,
            ),
            (
                "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                text,
            ),
            (
                "application/openmetrics-text; version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                open,
            ),
            // A browser, and curl.
            (
                "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
                text,
            ),
            ("*/*", text),
            ("application/openmetrics-text", open),
            ("Application/OpenMetrics-Text; Version=\"1.0.0\"", open),
            ("application/openmetrics-text, text/plain", open),
            ("text/plain, application/openmetrics-text", open),
            ("application/openmetrics-text, */*", open),
            ("application/openmetrics-text; q=0.5, text/plain", text),
            ("application/openmetrics-text; q=0.5, */*", text),
            ("application/openmetrics-text; q=0, */*; q=0.1", text),
            ("application/openmetrics-text; q=0", text),
            ("application/openmetrics-text; q=much, */*", text),
            ("application/*", open),
            ("text/*, application/*; q=0.9", text),
            ("text/plain; q=0, */*", open),
            ("application/json", text),
            ("", text),
        ] {
            assert_eq!(form(&with(ACCEPT, accept)), expected, "{accept}");
        }
    }

    #[test]
    fn what_several_fields_accept_goes_together() {
        let mut headers = with(ACCEPT, "text/plain; q=0.5");
        headers.append(ACCEPT, "application/openmetrics-text".parse().unwrap());
        assert_eq!(form(&headers), Form::OpenMetrics);
    }

    #[test]
    fn it_is_compressed_for_those_who_take_that() {
        assert!(!takes_gzip(&HeaderMap::new()));
        for (accept, expected) in [
            ("gzip", true),
            ("deflate, gzip;q=1.0, *;q=0.5", true),
            ("br, GZip", true),
            ("*", true),
            ("gzip;q=0.5, identity;q=0.5", true),
            ("gzip;q=0.5, identity", false),
            ("gzip;q=0, *", false),
            ("gzip;q=0", false),
            ("br, zstd", false),
            ("identity", false),
            ("gzipped", false),
            ("", false),
        ] {
            assert_eq!(takes_gzip(&with(ACCEPT_ENCODING, accept)), expected, "{accept}");
        }
    }
}
