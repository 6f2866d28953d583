//! What the manager wants of the daemon, which has the data plane.

use std::sync::Arc;

use tokio::sync::oneshot;
use uuid::Uuid;

use super::Statistics;
use crate::{
    model::{Conflict, Managed},
    views::{self, Status},
};

/// What the data plane is asked for.
#[derive(Debug)]
pub enum Wanted {
    /// To serve a load balancer otherwise.
    Apply {
        /// Which.
        load_balancer: Uuid,
        /// What it is to be; none: it is gone.
        managed: Option<Managed>,
        /// Where it is said what came of it.
        done: oneshot::Sender<Result<(), Refusal>>,
    },
    /// To say whether a load balancer goes with all else.
    Check {
        /// Which.
        load_balancer: Uuid,
        /// What it would be.
        managed: Option<Managed>,
        /// Where it is said what keeps it from that.
        told: oneshot::Sender<Result<(), Conflict>>,
    },
    /// To be heard of.
    Ping {
        /// By that.
        told: oneshot::Sender<()>,
    },
    /// To tell how things stand.
    Status {
        /// Where it is said.
        told: oneshot::Sender<Arc<Status>>,
    },
    /// To tell what listeners have done.
    Statistics {
        /// Which.
        listeners: Vec<Uuid>,
        /// Where it is said.
        told: oneshot::Sender<Statistics>,
    },
    /// To tell who is held where.
    Sessions {
        /// With which pool or member.
        wanted: views::Wanted,
        /// Which of them.
        page: views::Page,
        /// Where it is said.
        told: oneshot::Sender<Result<views::Sessions, views::Refusal>>,
    },
    /// To forget a session.
    DropSession {
        /// The pool that it is with.
        pool: String,
        /// Which one.
        by: views::RecognisedBy,
        /// Where it is said what came of it.
        told: oneshot::Sender<Result<(), views::Refusal>>,
    },
}

/// Why the data plane does not serve all of a load balancer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// In words.
    pub reason: String,
    /// The listeners that it serves all the same.
    pub served: Vec<Uuid>,
}
