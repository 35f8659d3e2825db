//! What the stores make of rows, as messages.

use tifusion_proto::planpb;
use tifusion_proto::planpb::scan::Reduction as Message;
use tifusion_proto::planpb::state::Of;

use super::{arrow_schema, field_types, malformed_part, size, wide};
use crate::error::Result;
use crate::pushdown::partial::{AnswerColumn, Bound, PartialAggregate, State};
use crate::scan::reduction::{Reduction, TopN};

/// The message of a reduction.
///
/// # Errors
/// When a type of an answer can't be sent.
pub(super) fn to_message(reduction: &Reduction) -> Result<Message> {
    Ok(match reduction {
        Reduction::Aggregate(partial) => Message::Aggregate(aggregate_to_message(partial)?),
        Reduction::TopN(TopN { order, rows, shown }) => Message::TopN(planpb::TopN {
            order: order.clone(),
            rows: wide(*rows),
            shown: shown.clone(),
        }),
    })
}

/// The reduction of a message.
///
/// # Errors
/// When a part is missing, or makes no sense.
pub(super) fn of_message(message: Message) -> Result<Reduction> {
    Ok(match message {
        Message::Aggregate(message) => Reduction::Aggregate(aggregate_of_message(message)?),
        Message::TopN(planpb::TopN { order, rows, shown }) => {
            Reduction::TopN(TopN { order, rows: size(rows)?, shown })
        }
    })
}

fn aggregate_to_message(partial: &PartialAggregate) -> Result<planpb::Aggregate> {
    let types = partial.answer.iter().map(|column| field_types::to_message(&column.field_type));
    let exact = partial.exact.as_deref().map(aggregate_to_message).transpose()?;
    Ok(planpb::Aggregate {
        functions: partial.functions.clone(),
        groups: partial.groups.clone(),
        answer_types: types.collect(),
        answer_schema: arrow_schema::encode(&partial.answer_schema())?,
        states: partial.states.iter().copied().map(state_to_message).collect(),
        bounded: partial.bounded.iter().copied().map(bound_to_message).collect(),
        exact: exact.map(Box::new),
        read: partial.read.clone(),
        shown_functions: partial.shown_functions.clone(),
        shown_groups: partial.shown_groups.clone(),
        is_streamed: partial.is_streamed,
    })
}

fn aggregate_of_message(message: planpb::Aggregate) -> Result<PartialAggregate> {
    let schema = arrow_schema::decode(&message.answer_schema)?;
    if schema.fields().len() != message.answer_types.len() {
        return Err(malformed_part("answer of an aggregate"));
    }
    let columns = message.answer_types.into_iter().zip(schema.fields());
    let answer = columns.map(|(field_type, field)| {
        let data_type = field.data_type().clone();
        Ok(AnswerColumn { field_type: field_types::of_message(field_type)?, data_type })
    });
    let exact = message.exact.map(|exact| aggregate_of_message(*exact)).transpose()?;
    Ok(PartialAggregate {
        functions: message.functions,
        groups: message.groups,
        answer: answer.collect::<Result<_>>()?,
        states: message.states.into_iter().map(state_of_message).collect::<Result<_>>()?,
        bounded: message.bounded.into_iter().map(bound_of_message).collect::<Result<_>>()?,
        exact: exact.map(Box::new),
        read: message.read,
        shown_functions: message.shown_functions,
        shown_groups: message.shown_groups,
        is_streamed: message.is_streamed,
    })
}

fn bound_to_message(Bound { place, most, is_exact }: Bound) -> planpb::Bound {
    planpb::Bound { place: wide(place), most: most.to_be_bytes().to_vec(), is_exact }
}

fn bound_of_message(message: planpb::Bound) -> Result<Bound> {
    let most = message.most.try_into().map_err(|_| malformed_part("bound of an aggregate"))?;
    let (place, most) = (size(message.place)?, i128::from_be_bytes(most));
    Ok(Bound { place, most, is_exact: message.is_exact })
}

fn state_to_message(state: State) -> planpb::State {
    let of = match state {
        State::Value(place) => Of::Value(wide(place)),
        State::Sum(place) => Of::Sum(wide(place)),
        State::Counted { value, count } => {
            Of::Counted(planpb::Counted { value: wide(value), count: wide(count) })
        }
        State::Seen(place) => Of::Seen(wide(place)),
    };
    planpb::State { of: Some(of) }
}

fn state_of_message(message: planpb::State) -> Result<State> {
    Ok(match message.of.ok_or_else(|| malformed_part("state of an aggregate"))? {
        Of::Value(place) => State::Value(size(place)?),
        Of::Sum(place) => State::Sum(size(place)?),
        Of::Counted(planpb::Counted { value, count }) => {
            State::Counted { value: size(value)?, count: size(count)? }
        }
        Of::Seen(place) => State::Seen(size(place)?),
    })
}
