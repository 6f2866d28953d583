//! Which pools can have the name of their cookie for themselves.

use std::collections::{HashMap, HashSet};

use super::{Config, CookieSettings, Listener, Persistence};

impl Config {
    /// The pools with a cookie of the balancer's whose name another pool has already. Clients keep one cookie of a name,
    /// domain and path; so where they can reach several pools with such a cookie at one load balancer, the first one has it,
    /// in the order of listeners and policies, and the others need a name of their own.
    #[must_use]
    pub fn pools_whose_cookie_name_is_taken(&self) -> HashSet<&str> {
        let own = self.pools.iter().filter_map(|pool| {
            let persistence = pool.session_persistence.as_ref()?;
            match &persistence.persistence {
                Persistence::HttpCookie(cookie) => Some((pool.name.as_str(), cookie)),
                Persistence::SourceIp(_) | Persistence::AppCookie { .. } => None,
            }
        });
        let own: HashMap<&str, &CookieSettings> = own.collect();
        let mut late = HashSet::new();
        for balancer in &self.load_balancers {
            let mut taken = HashMap::new();
            for name in balancer.listeners.iter().flat_map(Listener::pools) {
                let Some(cookie) = own.get(name) else { continue };
                let place = (&cookie.cookie_name, &cookie.cookie_domain, &cookie.cookie_path);
                if *taken.entry(place).or_insert(name) != name {
                    late.insert(name);
                }
            }
        }
        late
    }
}
