//! Words of the service of which not every one is offered here: the rules refuse the rest and say what to use instead.

use crate::{
    model::Word,
    objects::{Algorithm, L7RuleType, ListenerProtocol, MonitorMethod, MonitorType, PoolProtocol},
};

/// Such words.
pub trait Offered: Word + Copy {
    /// Whether anything takes it.
    fn is_offered(self) -> bool;

    /// Those that are.
    fn offered() -> Vec<&'static str> {
        let all = Self::ALL.iter().filter(|value| value.is_offered());
        all.map(|value| value.word()).collect()
    }
}

impl Offered for ListenerProtocol {
    fn is_offered(self) -> bool {
        self.check_offered().is_ok()
    }
}

impl Offered for PoolProtocol {
    fn is_offered(self) -> bool {
        self.check_offered().is_ok()
    }
}

impl Offered for Algorithm {
    fn is_offered(self) -> bool {
        self.check_offered().is_ok()
    }
}

impl Offered for MonitorType {
    fn is_offered(self) -> bool {
        let mut pools = PoolProtocol::ALL.iter();
        pools.any(|pool| pool.is_offered() && self.check_offered(*pool).is_ok())
    }
}

impl Offered for MonitorMethod {
    fn is_offered(self) -> bool {
        self.check_offered().is_ok()
    }
}

impl Offered for L7RuleType {
    fn is_offered(self) -> bool {
        self.check_offered().is_ok()
    }
}
