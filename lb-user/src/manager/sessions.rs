//! Who is held where, as clients of the API ask for it.

use tokio::sync::oneshot;

use super::{Manager, Wanted, ending};
use crate::{
    objects::Fault,
    views::{self, Page, RecognisedBy, Refusal, Sessions},
};

impl Manager {
    /// A page of sessions.
    pub async fn sessions(&self, wanted: views::Wanted, page: Page) -> Result<Sessions, Fault> {
        let (told, sessions) = oneshot::channel();
        // Where nobody takes it, nobody tells.
        let _ = self.plane.send(Wanted::Sessions { wanted, page, told }).await;
        sessions.await.map_err(|_| ending())?.map_err(fault)
    }

    /// Has a session forgotten. The client's open connections stay.
    pub async fn drop_session(&self, pool: String, by: RecognisedBy) -> Result<(), Fault> {
        let (told, done) = oneshot::channel();
        let _ = self.plane.send(Wanted::DropSession { pool, by, told }).await;
        done.await.map_err(|_| ending())?.map_err(fault)
    }
}

fn fault(refusal: Refusal) -> Fault {
    match refusal {
        Refusal::NoSuch(reason) => Fault::new(404, reason),
        Refusal::Wrong(reason) => Fault::new(400, reason),
    }
}
