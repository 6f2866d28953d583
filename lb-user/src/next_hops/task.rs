//! Following the kernel.

use std::{net::IpAddr, sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    time::{self, Instant, MissedTickBehavior},
};
use tracing::warn;

use super::{
    Found, Hops,
    kernel::{Events, Kernel},
    picture::Need,
    wanted::Turn,
};
use crate::reconcile::Sources;

/// How long events are gathered before they are acted on.
const GATHER: Duration = Duration::from_millis(100);
/// How often the kernel is asked to find and confirm neighbours.
const RESOLVE: Duration = Duration::from_secs(1);
/// Neighbours that it is asked for at a time. A host confirms one about every half minute.
const RESOLVE_AT_A_TIME: usize = 4096;
/// How often everything is looked at again: of a path's MTU that was found out there is no event.
const LOOK: Duration = Duration::from_secs(30);
/// How long netlink is let alone after it failed.
const RETRY: Duration = Duration::from_secs(1);

/// Says which hops there are to these addresses, and to others as it is told, until the daemon wants no more.
pub(super) async fn run(
    mut addresses: Vec<IpAddr>,
    mut turns: mpsc::UnboundedReceiver<Turn>,
    found: watch::Sender<Option<Found>>,
) {
    while let Err(reason) = follow(&mut addresses, &mut turns, &found).await {
        warn!("cannot follow next hops, the datapath asks the kernel for each packet: {reason:#}");
        found.send_replace(Some(Found::default()));
        time::sleep(RETRY).await;
    }
}

/// Ends without an error when the daemon does.
async fn follow(
    addresses: &mut Vec<IpAddr>,
    turns: &mut mpsc::UnboundedReceiver<Turn>,
    found: &watch::Sender<Option<Found>>,
) -> anyhow::Result<()> {
    // Before the first look, so that no change falls between.
    let mut events = Events::subscribe()?;
    let kernel = Kernel::connect()?;
    let mut resolve = time::interval(RESOLVE);
    resolve.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut look = time::interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    look.reset();
    let (mut picture, sources) = kernel.look(addresses).await?;
    let mut sources = Arc::new(sources);
    publish(found, picture.hops(addresses), &sources);
    let mut rested = Instant::now();
    loop {
        let mut need = tokio::select! {
            need = events.note(&mut picture) => need?,
            _ = look.tick() => Need::Look,
            turn = turns.recv() => {
                let Some(turn) = turn else { return Ok(()) };
                turn.take(addresses);
                let (routes, further) = kernel.ask(&turn.added).await?;
                picture.learn(routes);
                let sources = Arc::make_mut(&mut sources);
                sources.retain(|address, _| !turn.dropped.contains(address));
                sources.extend(further);
                Need::Hops
            }
            _ = resolve.tick() => {
                let unsure: Vec<_> = picture.unsure(addresses).take(RESOLVE_AT_A_TIME).collect();
                for neighbour in unsure {
                    kernel.resolve(neighbour).await?;
                }
                // Those whose turn did not come are the first the next time.
                let asked = RESOLVE_AT_A_TIME.min(addresses.len());
                addresses.rotate_left(asked);
                continue;
            }
        };
        let end = rested.max(Instant::now() + GATHER);
        while let Ok(further) = time::timeout_at(end, events.note(&mut picture)).await {
            need = need.max(further?);
        }
        let begin = Instant::now();
        if need == Need::Look {
            let looked = kernel.look(addresses).await?;
            (picture, sources) = (looked.0, Arc::new(looked.1));
        }
        publish(found, picture.hops(addresses), &sources);
        // However many members there are and however much changes, this takes a fifth of a core at most.
        rested = Instant::now() + begin.elapsed() * 4;
    }
}

fn publish(found: &watch::Sender<Option<Found>>, hops: Hops, sources: &Arc<Sources>) {
    let new = Found {
        hops,
        sources: Arc::clone(sources),
    };
    found.send_if_modified(|last| {
        let is_new = last.as_ref() != Some(&new);
        if is_new {
            *last = Some(new);
        }
        is_new
    });
}
