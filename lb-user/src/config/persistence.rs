//! `[pool.session_persistence]`.

use std::ops::RangeInclusive;

use super::cookie;
use super::diagnostic::Reported;
use super::duration::{Duration, Keys, duration};
use super::reader::{At, Read, Scope, Table};
use super::values::{integer, word};
use crate::model::{Granularity, Persistence, PersistenceType, SessionPersistence};

const GRANULARITY: [&str; 2] = ["persistence_granularity_v4", "persistence_granularity_v6"];
/// The proxy's sessions can last longer than those of the datapath. Whose they are, the listeners of the pool say.
const IDLE_TIMEOUT_S: RangeInclusive<u32> = 60..=86_400;
pub(super) const IDLE_TIMEOUT_AT_LAYER_4_S: RangeInclusive<u32> = 60..=3600;
const ABSOLUTE_TIMEOUT_S: RangeInclusive<u32> = SessionPersistence::ABSOLUTE_TIMEOUTS_S;
const IDLE_TIMEOUT: Keys = Keys {
    minutes: "idle_timeout_min",
    seconds: "idle_timeout_s",
};
const ABSOLUTE_TIMEOUT: Keys = Keys {
    minutes: "absolute_timeout_min",
    seconds: "absolute_timeout_s",
};
/// Below these, one session holds a good part of the Internet, and all of it goes to one member.
const COARSEST_SENSIBLE: Granularity = Granularity { v4: 16, v6: 32 };

pub(super) struct RawPersistence<'r> {
    pub(super) scope: Scope<'r>,
    pub(super) persistence_type: Read<PersistenceType>,
    pub(super) idle_timeout: Read<Duration>,
    pub(super) valid: Result<SessionPersistence, Reported>,
}

pub(super) fn session_persistence<'r>(t: &mut Table<'_, 'r>) -> RawPersistence<'r> {
    let persistence_type = t.required("type", word);
    let default = Duration::of_minutes(SessionPersistence::DEFAULT_IDLE_TIMEOUT_MIN, IDLE_TIMEOUT);
    let span = t.scope().span;
    let idle =
        duration(t, IDLE_TIMEOUT, &IDLE_TIMEOUT_S).map(|idle| idle.unwrap_or(At { value: default, span }));
    let absolute = duration(t, ABSOLUTE_TIMEOUT, &ABSOLUTE_TIMEOUT_S);
    if let (Ok(idle), Ok(Some(absolute))) = (&idle, &absolute)
        && absolute.value.seconds < idle.value.seconds
    {
        let (idle, given) = (idle.value, absolute.value);
        let [least, most] =
            [idle.seconds, *ABSOLUTE_TIMEOUT_S.end()].map(|seconds| given.in_its_unit(seconds));
        let message = format!(
            "{} {} is shorter than {}, {}; write {least} to {most}, or leave it out",
            given.key,
            given.written(),
            idle.key,
            idle.written()
        );
        t.scope().error(absolute.span, message);
    }
    let persistence = persistence(t, &persistence_type);
    let valid = || {
        Ok(SessionPersistence {
            persistence: persistence?,
            idle_timeout_s: idle?.value.seconds,
            absolute_timeout_s: absolute?.map(|at| at.value.seconds),
        })
    };
    RawPersistence {
        valid: valid(),
        scope: t.scope(),
        persistence_type,
        idle_timeout: idle,
    }
}

/// What belongs to the type, and nothing that belongs to another.
fn persistence(
    t: &mut Table<'_, '_>,
    persistence_type: &Read<PersistenceType>,
) -> Result<Persistence, Reported> {
    let persistence_type = match persistence_type {
        Ok(at) => at.value,
        Err(reported) => {
            t.ignore(&GRANULARITY, *reported);
            t.ignore(&["cookie_name"], *reported);
            t.ignore(&cookie::OWN, *reported);
            t.ignore(&cookie::APPLICATIONS, *reported);
            return Err(*reported);
        }
    };
    if persistence_type != PersistenceType::SourceIp {
        t.misplaced(&GRANULARITY, "type = \"SOURCE_IP\"");
        // It may be the type that is wrong: then these are to be right.
        let _ = t.optional(GRANULARITY[0], integer::<u8>(1..=32));
        let _ = t.optional(GRANULARITY[1], integer::<u8>(1..=128));
    }
    if persistence_type == PersistenceType::SourceIp {
        t.misplaced(&["cookie_name"], "type = \"HTTP_COOKIE\" or \"APP_COOKIE\"");
    }
    if persistence_type != PersistenceType::HttpCookie {
        t.misplaced(&cookie::OWN, "type = \"HTTP_COOKIE\"");
    }
    if persistence_type != PersistenceType::AppCookie {
        t.misplaced(&cookie::APPLICATIONS, "type = \"APP_COOKIE\"");
    }
    match persistence_type {
        PersistenceType::SourceIp => granularity(t).map(Persistence::SourceIp),
        PersistenceType::HttpCookie => cookie::own(t),
        PersistenceType::AppCookie => cookie::of_application(t),
    }
}

fn granularity(t: &mut Table<'_, '_>) -> Result<Granularity, Reported> {
    let default = Granularity::default();
    let v4 = t.or(GRANULARITY[0], default.v4, integer(1..=32));
    let v6 = t.or(GRANULARITY[1], default.v6, integer(1..=128));
    for (key, length, sensible) in [
        (GRANULARITY[0], &v4, COARSEST_SENSIBLE.v4),
        (GRANULARITY[1], &v6, COARSEST_SENSIBLE.v6),
    ] {
        if let Ok(length) = length
            && length.value < sensible
        {
            let (length, span) = (length.value, length.span);
            let message = format!("{key} {length} keeps all clients of a /{length} network on one member");
            t.scope().warning(span, message);
        }
    }
    Ok(Granularity {
        v4: v4?.value,
        v6: v6?.value,
    })
}
