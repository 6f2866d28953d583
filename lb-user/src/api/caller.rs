//! Who asks, and what of.

use crate::objects::{Asker, Fault};

/// What somebody may do.
pub use crate::model::ApiRole as Role;

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// For the log.
    pub name: String,
    /// The project that is theirs.
    pub project_id: String,
    /// What they may do.
    pub role: Role,
}

impl Caller {
    /// Who may do all.
    #[must_use]
    pub fn admin(name: &str, project_id: &str) -> Self {
        Self {
            name: name.into(),
            project_id: project_id.into(),
            role: Role::Admin,
        }
    }

    /// Who that is to rules, which ask nobody's name.
    pub(super) fn asker(&self) -> Asker {
        match self.role {
            Role::Admin => Asker::Administrator,
            Role::Member | Role::Observer => Asker::Tenant,
        }
    }

    /// Refuses to show what is another project's.
    pub(super) fn may_see(&self, project_id: &str) -> Result<(), Fault> {
        if self.role == Role::Admin || self.project_id == project_id {
            Ok(())
        } else {
            Err(forbidden())
        }
    }

    /// Refuses to change what is another project's, and anything to those who may only look.
    pub(super) fn may_change(&self, project_id: &str) -> Result<(), Fault> {
        self.may_see(project_id)?;
        if self.role >= Role::Member {
            Ok(())
        } else {
            Err(forbidden())
        }
    }

    /// Refuses what is for administrators.
    pub(super) fn must_be_admin(&self) -> Result<(), Fault> {
        if self.role == Role::Admin {
            Ok(())
        } else {
            Err(forbidden())
        }
    }
}

fn forbidden() -> Fault {
    Fault::new(403, "Policy does not allow this request to be performed.")
}
