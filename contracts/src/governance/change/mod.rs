//! What the merchants decide by vote: one file a kind of change.
//!
//! A change is judged when it is proposed, with each approval, and once more when it is to take effect: what stood in its way
//! by then leaves it void. Rules: `docs/rules.md`, section 8.

mod admit;
mod class_terms;
mod exit;
mod import_ratio;
mod merchant_terms;
mod pair_terms;
mod parameters;
mod suspend;
mod upgrade;

pub use admit::{Admit, attested_bytes};
pub use class_terms::ChangeClass;
pub use exit::{ClassExchange, Exit};
pub use import_ratio::ChangeImportRatio;
pub use merchant_terms::ChangeMerchant;
pub use pair_terms::ChangePair;
pub use parameters::{ChangeParameters, parameters_hash};
pub use suspend::{Reinstate, Suspend};
pub use upgrade::{PROTOCOL_VERSION, Upgrade};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use crate::rejection::Rejection;
use crate::state::Overlay;
use crate::types::{ClassId, MerchantId};

/// What a change is about: while one has passed and is not in effect yet, no other about the same passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Parameters,
    Class(ClassId),
    Pair(ClassId, ClassId),
    ImportRatio(MerchantId, ClassId),
    Merchant(MerchantId),
    Protocol,
}

/// What every kind of change answers, in its own file.
pub(crate) trait Act {
    /// What it is about.
    fn subject(&self) -> Subject;

    /// The rules that its bytes alone decide.
    ///
    /// # Errors
    /// The broken rule, as a sentence.
    fn check_stateless(&self) -> Result<(), &'static str> {
        Ok(())
    }

    /// Whether it could take effect now.
    ///
    /// # Errors
    /// The first rule in its way, in the order of `docs/rules.md`.
    fn judge(&self, overlay: &mut Overlay<'_>, proposer: MerchantId) -> Result<(), Rejection>;

    /// Whether members are worse off with it, so that it needs notice.
    fn is_adverse(&self, _: &mut Overlay<'_>) -> bool {
        false
    }

    /// Puts it into effect; it was judged just before.
    fn carry_out(&self, overlay: &mut Overlay<'_>);
}

/// Defines [`Change`] from its table of number, variant, record and sentence.
macro_rules! changes {
    ($($number:literal $variant:ident($record:ty) $doc:literal;)+) => {
        /// What merchants vote on. A number is never given to another kind.
        #[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "snake_case", deny_unknown_fields)]
        pub enum Change {
            $(
                #[doc = $doc]
                #[wincode(tag = $number)]
                $variant($record),
            )+
        }

        impl Change {
            fn act(&self) -> &dyn Act {
                match self { $(Self::$variant(act) => act),+ }
            }
        }
    };
}

changes! {
    1 Parameters(ChangeParameters) "The alliance's parameters become others.";
    2 Class(ChangeClass) "A class's terms become others.";
    3 Pair(ChangePair) "An ordered pair of classes gets terms of its own, or loses them.";
    4 ImportRatio(ChangeImportRatio) "A partner's points come in at another ratio, or no more.";
    5 Merchant(ChangeMerchant) "A merchant's cap, base share and industry become others.";
    10 Admit(Admit) "A merchant joins.";
    11 Suspend(Suspend) "A merchant or partner is suspended.";
    12 Reinstate(Reinstate) "A suspension ends.";
    13 Exit(Exit) "A merchant leaves: its run-off starts.";
    20 Upgrade(Upgrade) "The ledger goes on under another version of the protocol.";
}

impl Change {
    pub(crate) fn subject(&self) -> Subject {
        self.act().subject()
    }

    pub(crate) fn check_stateless(&self) -> Result<(), &'static str> {
        self.act().check_stateless()
    }

    pub(crate) fn judge(&self, overlay: &mut Overlay<'_>, proposer: MerchantId) -> Result<(), Rejection> {
        self.act().judge(overlay, proposer)
    }

    pub(crate) fn is_adverse(&self, overlay: &mut Overlay<'_>) -> bool {
        self.act().is_adverse(overlay)
    }

    pub(crate) fn carry_out(&self, overlay: &mut Overlay<'_>) {
        self.act().carry_out(overlay);
    }
}
