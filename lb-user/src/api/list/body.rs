//! The body of a list.

use std::{convert::Infallible, future, sync::Arc};

use axum::body::{Body, Bytes};
use futures_util::{StreamExt as _, stream};

use crate::{
    api::{
        Shared,
        show::{Depth, Shown},
    },
    objects::Object,
};

/// Objects that are written in one go, while changes wait.
const AT_ONCE: usize = 100;

/// The body of a list; of a long one a part after the other, between which changes have their turn.
pub(super) fn of<T: Object>(api: &Shared, page: Vec<Arc<T>>, fields: Vec<String>, end: String) -> Body {
    let begin = format!("{{\"{}\":[", T::PLURAL);
    let write = {
        let api = Arc::clone(api);
        move |first: usize, part: &[Arc<T>]| {
            let inventory = api.manager.read();
            let mut out = Vec::with_capacity(part.len() * 1024);
            for (index, object) in (first..).zip(part) {
                if index > 0 {
                    out.push(b',');
                }
                let shown = Shown {
                    object: object.as_ref(),
                    inventory: &inventory,
                    fields: &fields,
                    depth: Depth::Itself,
                };
                // Into memory, and of what is JSON already: nothing of it can fail.
                let _ = serde_json::to_writer(&mut out, &shown);
            }
            out
        }
    };
    if page.len() <= AT_ONCE {
        return Body::from([begin.into_bytes(), write(0, &page), end.into_bytes()].concat());
    }
    let parts = stream::unfold((0, page), move |(next, page)| {
        let part = (next < page.len()).then(|| {
            let until = (next + AT_ONCE).min(page.len());
            Bytes::from(write(next, &page[next..until]))
        });
        future::ready(part.map(|part| (Ok::<_, Infallible>(part), (next + AT_ONCE, page))))
    });
    let whole = stream::iter([Ok(Bytes::from(begin))])
        .chain(parts)
        .chain(stream::iter([Ok(Bytes::from(end))]));
    Body::from_stream(whole)
}
