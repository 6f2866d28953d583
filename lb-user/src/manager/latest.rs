//! The last events, for those who come later.

use std::collections::{HashMap, VecDeque};

use super::Event;
use crate::objects::Stamp;

/// How many are kept of a project.
pub const MOST_LATEST: usize = 500;
/// Of how many projects any are kept: of those where something happened last.
const MOST_PROJECTS: usize = 64;

/// An event, and when it was.
#[derive(Clone, Debug)]
pub struct Noted {
    /// When.
    pub at: Stamp,
    /// What happened.
    pub event: Event,
    /// Events are in the order of these numbers.
    number: u64,
}

/// The last events of each project, the newest first: much that happens in one leaves those of the others where they are.
#[derive(Debug, Default)]
pub(super) struct Latest {
    projects: HashMap<String, VecDeque<Noted>>,
    noted: u64,
}

impl Latest {
    pub(super) fn note(&mut self, event: Event) {
        self.noted += 1;
        let noted = Noted {
            at: Stamp::now(),
            number: self.noted,
            event,
        };
        let project = noted.event.project_id();
        if !self.projects.contains_key(project) {
            self.make_room();
            self.projects.insert(project.to_owned(), VecDeque::new());
        }
        if let Some(latest) = self.projects.get_mut(project) {
            latest.truncate(MOST_LATEST - 1);
            latest.push_front(noted);
        }
    }

    /// Forgets the project where nothing has happened for longest, if there are too many.
    fn make_room(&mut self) {
        if self.projects.len() < MOST_PROJECTS {
            return;
        }
        let newest = |latest: &VecDeque<Noted>| latest.front().map(|noted| noted.number);
        let quietest = self.projects.iter().min_by_key(|(_, latest)| newest(latest));
        if let Some(project) = quietest.map(|(project, _)| project.clone()) {
            self.projects.remove(&project);
        }
    }

    /// Those of the projects that somebody may see, the newest first.
    pub(super) fn of(&self, may_see: impl Fn(&str) -> bool) -> Vec<Noted> {
        let seen = self.projects.iter().filter(|(project, _)| may_see(project));
        let mut all: Vec<&Noted> = seen.flat_map(|(_, latest)| latest).collect();
        all.sort_unstable_by_key(|noted| std::cmp::Reverse(noted.number));
        all.into_iter().take(MOST_LATEST).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manager::event::tests::of_project;

    fn of(latest: &Latest, project: &str) -> usize {
        latest.of(|one| one == project).len()
    }

    #[test]
    fn much_that_happens_in_one_project_leaves_the_events_of_the_others() {
        let mut latest = Latest::default();
        latest.note(of_project("quiet"));
        for _ in 0..2 * MOST_LATEST {
            latest.note(of_project("busy"));
        }
        assert_eq!((of(&latest, "quiet"), of(&latest, "busy")), (1, MOST_LATEST));
        let all = latest.of(|_| true);
        assert_eq!(all.len(), MOST_LATEST);
        assert!(all.is_sorted_by_key(|noted| std::cmp::Reverse(noted.number)));
    }

    #[test]
    fn of_too_many_projects_the_quietest_is_forgotten() {
        let mut latest = Latest::default();
        for project in 0..=MOST_PROJECTS {
            latest.note(of_project(&project.to_string()));
        }
        assert_eq!(latest.projects.len(), MOST_PROJECTS);
        assert_eq!((of(&latest, "0"), of(&latest, "1")), (0, 1));
    }
}
