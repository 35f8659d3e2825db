//! What the commands of a store have in common.

mod admin;
mod cop;
mod damage;
mod read;
mod resolve;
mod write;

pub(crate) use cop::{evaluate, run_tasks, touched};
use tifusion_proto::{errorpb, kvrpcpb};

use super::check::{Access, Touched, View};
use crate::fault::{Damage, Rpc};
use crate::state::State;

/// A request to a region.
pub(crate) trait Command: prost::Message + Clone + Send + Sized + 'static {
    /// What it is answered by.
    type Answer: prost::Message + Send + 'static;
    /// What faults know it by.
    const RPC: Rpc;
    /// Whether it may take long enough to be carried out apart from the sockets.
    const LONG: bool = true;

    /// Its context.
    fn context(&self) -> Option<&kvrpcpb::Context>;
    /// What it does.
    fn access(&self) -> Access;
    /// The raw keys it touches.
    fn touched(&self) -> Touched;
    /// The answer with a region error.
    fn refused(error: errorpb::Error) -> Self::Answer;
    /// Carries it out on a region that was found right.
    fn run(self, state: &State, view: &View) -> Self::Answer;
    /// Makes an answer wrong, where its kind can be.
    fn damage(_answer: &mut Self::Answer, _damage: Damage) {}
}

/// A command of kvrpcpb whose answer has a `region_error`.
macro_rules! command {
    (
        $request:ident => $answer:ident as $rpc:ident $(, long: $long:literal)?;
        access: |$a:ident| $access:expr;
        touched: |$t:ident| $touched:expr;
        run: |$run:ident, $state:ident, $view:ident| $body:expr
    ) => {
        impl $crate::store::command::Command for tifusion_proto::kvrpcpb::$request {
            type Answer = tifusion_proto::kvrpcpb::$answer;
            const RPC: $crate::fault::Rpc = $crate::fault::Rpc::$rpc;
            $(const LONG: bool = $long;)?

            fn context(&self) -> Option<&tifusion_proto::kvrpcpb::Context> {
                self.context.as_ref()
            }

            fn access(&self) -> $crate::store::check::Access {
                let $a = self;
                $access
            }

            fn touched(&self) -> $crate::store::check::Touched {
                let $t = self;
                $touched
            }

            fn refused(error: tifusion_proto::errorpb::Error) -> Self::Answer {
                Self::Answer { region_error: Some(error), ..Self::Answer::default() }
            }

            fn run(
                self,
                $state: &$crate::state::State,
                $view: &$crate::store::check::View,
            ) -> Self::Answer {
                #[allow(unused_mut, reason = "some commands are clipped to the region")]
                let mut $run = self;
                $body
            }
        }
    };
}

use command;
