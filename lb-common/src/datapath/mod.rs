//! The path of a packet: parse, classify, select, rewrite, leave. It reads on one screen: [`process`].
//!
//! It goes in stages. [`fn@flows`] serves the packets of live flows; whatever it cannot do it leaves as it was, to a later
//! stage. In the kernel each is a program of its own: so the first stays small, and each has a stack to itself.

mod extended;
mod flows;
mod opening;
mod others;

use extended::extended_packet;
pub(crate) use extended::locate_later;
pub(crate) use flows::{Located, flow_key, is_live};
use flows::{flow_packet, opened_packet};
use opening::open_flow;
use others::other_packet;

use crate::{
    answer::{self, Asked, Kind},
    forward::{End, Outcome},
    frame::Frame,
    link::{self, Departure, relink},
    packet::{Fragment, Payload},
    parse::{parse, parse_plain},
    platform::Platform,
    verdict::{Reason, Verdict},
};

/// What comes next for a packet.
#[derive(Clone, Copy, Debug)]
pub enum Next {
    /// Nothing: this becomes of it.
    Verdict(Verdict),
    /// [`fn@opening`].
    Opening,
    /// [`fn@opened`].
    Opened,
    /// [`fn@extended`].
    Extended,
    /// [`fn@others`].
    Others,
    /// [`fn@answer`].
    Answer,
}

/// How many stages a packet passes at most after the first: extended, opening, opened, extended, answer; and further tries
/// where another core took the flow or the session away meanwhile.
const MAX_STAGES: usize = 12;

/// What becomes of the packet in `frame`.
pub fn process<P: Platform, F: Frame>(platform: &P, frame: &mut F) -> Verdict {
    let mut next = flows(platform, frame);
    for _ in 0..MAX_STAGES {
        next = match next {
            Next::Verdict(verdict) => return verdict,
            Next::Opening => opening(platform),
            Next::Opened => opened(platform, frame),
            Next::Extended => extended(platform, frame),
            Next::Others => others(platform, frame),
            Next::Answer => return answer(platform, frame),
        }
    }
    Verdict::Drop
}

/// Forwards the packets of live flows, and passes on what is not ours.
#[inline(always)]
pub fn flows<P: Platform, F: Frame>(platform: &P, frame: &mut F) -> Next {
    let mut departure = Departure::default();
    let outcome = match parse_plain(frame) {
        Ok(packet) if !matches!(packet.fragment, Fragment::Whole) => Outcome::next(End::Extended),
        Ok(packet) => flow_packet(platform, packet, &mut departure),
        Err(reason) => Outcome::pass(reason),
    };
    finish(platform, frame, outcome, &departure)
}

/// Forwards what the first stage does not look into: fragments, and packets with IPv6 extension headers.
#[inline(always)]
pub fn extended<P: Platform, F: Frame>(platform: &P, frame: &mut F) -> Next {
    let mut departure = Departure::default();
    let outcome = match parse(frame) {
        Ok(packet) => extended_packet(platform, packet, &mut departure),
        Err(reason) => Outcome::pass(reason),
    };
    finish(platform, frame, outcome, &departure)
}

/// Opens a flow for the packet that the opener was told of, which has none.
///
/// It does not look into the packet: so the kernel's verifier goes through this once, rather than once for each kind of
/// packet.
#[inline(always)]
pub fn opening<P: Platform>(platform: &P) -> Next {
    match open_flow(platform) {
        Ok(()) => Next::Opened,
        Err(outcome) => conclude(platform, outcome),
    }
}

/// Forwards the packet that a flow was opened for.
#[inline(always)]
pub fn opened<P: Platform, F: Frame>(platform: &P, frame: &mut F) -> Next {
    let mut departure = Departure::default();
    let outcome = match parse_plain(frame) {
        Ok(packet) => opened_packet(platform, packet, &mut departure),
        Err(reason) => Outcome::pass(reason),
    };
    finish(platform, frame, outcome, &departure)
}

/// Serves the rest: ICMP, and what is malformed.
#[inline(always)]
pub fn others<P: Platform, F: Frame>(platform: &P, frame: &mut F) -> Next {
    let mut departure = Departure::default();
    let outcome = match parse(frame) {
        Ok(packet) => other_packet(platform, packet, &mut departure),
        Err(reason) => Outcome::pass(reason),
    };
    finish(platform, frame, outcome, &departure)
}

/// Turns the packet into an answer to its sender. Why, was counted already.
#[inline(always)]
pub fn answer<P: Platform, F: Frame>(platform: &P, frame: &mut F) -> Verdict {
    let kind = Kind::from_words(platform.answer());
    let asked = match parse(frame) {
        // No error is sent about a later fragment (RFC 1122 section 3.2.2).
        Ok(packet) if matches!(packet.payload, Payload::LaterFragment) => return Verdict::Drop,
        Ok(packet) => Asked::of(&packet),
        Err(reason) => {
            platform.count_reason(reason);
            return Verdict::Drop;
        }
    };
    match answer::write(frame, &asked, kind) {
        Ok(()) => link::turn_round(platform),
        Err(reason) => {
            platform.count_reason(reason);
            Verdict::Drop
        }
    }
}

/// Does what is left to do after a stage, and counts what became of the packet.
#[inline(always)]
fn finish<P: Platform, F: Frame>(
    platform: &P,
    frame: &mut F,
    outcome: Outcome,
    departure: &Departure,
) -> Next {
    match outcome.end {
        End::Leave => {}
        End::Relink => {
            if relink(frame, departure).is_none() {
                return conclude(platform, Outcome::drop(Reason::NoRoom));
            }
        }
        _ => return conclude(platform, outcome),
    }
    platform.count_reason(outcome.reason);
    Next::Verdict(departure.exit.verdict(platform))
}

/// Does what is left to do with a packet that does not leave, and counts what became of it.
#[inline(always)]
fn conclude<P: Platform>(platform: &P, outcome: Outcome) -> Next {
    let Outcome { end, mut reason } = outcome;
    let mut next = match end {
        End::Opening | End::OpeningNew => return Next::Opening,
        End::Extended => return Next::Extended,
        End::Others => return Next::Others,
        End::Pass => Next::Verdict(Verdict::Pass),
        End::Drop | End::Leave | End::Relink => Next::Verdict(Verdict::Drop),
        End::Answer => Next::Answer,
    };
    if end == End::Answer {
        let per_second = platform
            .settings()
            .map_or(0, |settings| settings.answers_per_second.get());
        if !platform.may_answer(platform.now_s(), per_second) {
            reason = Reason::AnswerLimited;
            next = Next::Verdict(Verdict::Drop);
        }
    }
    platform.count_reason(reason);
    next
}
