//! What listeners have done.

/// What listeners have done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Connections, or flows of datagrams, that are open.
    pub active_connections: u64,
    /// From clients.
    pub bytes_in: u64,
    /// To clients.
    pub bytes_out: u64,
    /// Requests that were refused, or were none.
    pub request_errors: u64,
    /// Connections, or flows of datagrams, that were ever opened.
    pub total_connections: u64,
}

impl Statistics {
    /// The sum of both.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            active_connections: self.active_connections + other.active_connections,
            bytes_in: self.bytes_in + other.bytes_in,
            bytes_out: self.bytes_out + other.bytes_out,
            request_errors: self.request_errors + other.request_errors,
            total_connections: self.total_connections + other.total_connections,
        }
    }
}
