//! Another protocol on the same connection (RFC 9110, section 7.8).

use super::{
    fields::{Name, elements},
    head::Head,
};

/// The protocols that a message names and that may be gone over to. HTTP/2 is none of them (RFC 9113, section 3.1, has taken
/// that away): whatever a client then asks, nobody would look at on its way.
pub fn protocols(head: &Head) -> impl Iterator<Item = &[u8]> {
    head.values(Name::Upgrade)
        .flat_map(elements)
        .filter(|protocol| !protocol.eq_ignore_ascii_case(b"h2c"))
}

/// Whether a response goes over to what the request has asked for.
pub fn is_asked_for(request: &Head, response: &Head) -> bool {
    let is_asked = |protocol: &[u8]| protocols(request).any(|asked| asked.eq_ignore_ascii_case(protocol));
    let mut said = response.values(Name::Upgrade).flat_map(elements).peekable();
    said.peek().is_some() && said.all(is_asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(values: &[&str]) -> Head {
        let mut head = Head::default();
        for value in values {
            head.push(b"Upgrade", value.as_bytes());
        }
        head
    }

    #[test]
    fn http2_is_nothing_to_go_over_to() {
        let named = |values| {
            let head = head(values);
            protocols(&head).map(<[u8]>::to_vec).collect::<Vec<_>>()
        };
        assert_eq!(named(&["websocket"]), [b"websocket"]);
        assert_eq!(named(&["h2c, websocket", "H2C"]), [b"websocket"]);
        assert!(named(&["h2c"]).is_empty() && named(&[]).is_empty());
    }

    #[test]
    fn only_what_was_asked_for_is_gone_over_to() {
        for (asked, said, is_right) in [
            (&["websocket"][..], &["WebSocket"][..], true),
            (&["a", "b"], &["b"], true),
            (&["websocket"], &["h2c"], false),
            (&["websocket, h2c"], &["h2c"], false),
            (&["websocket"], &["websocket, other"], false),
            (&["websocket"], &[], false),
        ] {
            assert_eq!(
                is_asked_for(&head(asked), &head(said)),
                is_right,
                "{asked:?} {said:?}"
            );
        }
    }
}
