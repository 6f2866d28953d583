//! Sessions by the application's cookie.

use super::{Answer, Persist, Why, cookies_of};
use crate::{
    http::{fields::Name, head::Head, set_cookie, url_session},
    persistence::app_cookies::Moved,
};

/// What may be the application's cookie of that name, and stands in the URL perhaps.
pub(super) fn of_application<'q>(
    head: &'q Head,
    target: &'q [u8],
    name: &[u8],
    in_url: bool,
) -> impl Iterator<Item = &'q [u8]> {
    let of_target = in_url.then(|| url_session::find(target, name)).flatten();
    cookies_of(head, name).chain(of_target)
}

impl Persist {
    pub(super) fn learn(&self, answer: &Answer<'_>, name: &[u8]) {
        let Answer {
            sessions,
            counts,
            shown,
            member,
            now_s,
            ..
        } = answer;
        let table = &sessions.app_cookies;
        if let (Why::Moved, Some(value), Some(session)) = (answer.why, shown.value, shown.session.get()) {
            let _: Moved = table.move_on(self.pool, value, session.member, *member, *now_s);
        }
        let said = answer.response.values(Name::SetCookie);
        let said = said.filter_map(|header| set_cookie::learn(header, name, u64::from(*now_s)));
        let mut ends = false;
        for said in said {
            match said {
                set_cookie::Learned::Value(value) => {
                    ends &= shown.value != Some(value);
                    counts.note_learned(table.learn(self.pool, value, *member, self.limits, *now_s));
                }
                // One of another path is another cookie than the one that the client has shown.
                set_cookie::Learned::Ends { path } => ends |= set_cookie::is_within(answer.path, path),
            }
        }
        if let Some(value) = shown.value.filter(|_| ends)
            && table.forget(self.pool, value, *now_s).is_some()
        {
            counts.ended.add(1);
        }
    }
}
