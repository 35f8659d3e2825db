//! Answers of the coprocessor that are made wrong on request.

use prost::Message as _;
use tifusion_proto::{coprocessor, tipb};

use crate::fault::Damage;

/// Damages an answer that holds rows; others stay as they are.
pub(super) fn answer(answer: &mut coprocessor::Response, damage: Damage) {
    if answer.data.is_empty() {
        return;
    }
    match damage {
        Damage::CutShort => answer.data.truncate(answer.data.len() / 2),
        Damage::RowsCutShort => change(answer, |select| {
            let mut chunks = select.chunks.iter_mut().filter_map(|it| it.rows_data.as_mut());
            if let Some(rows) = chunks.find(|rows| !rows.is_empty()) {
                rows.truncate(rows.len() - 1);
            }
        }),
        Damage::OtherEncoding => change(answer, |select| {
            let other = match select.encode_type() {
                tipb::EncodeType::TypeChunk => tipb::EncodeType::TypeDefault,
                _ => tipb::EncodeType::TypeChunk,
            };
            select.set_encode_type(other);
        }),
    }
}

/// Changes the rows of an answer; one that holds none stays as it is.
fn change(answer: &mut coprocessor::Response, change: impl FnOnce(&mut tipb::SelectResponse)) {
    if let Ok(mut select) = tipb::SelectResponse::decode(answer.data.clone()) {
        change(&mut select);
        answer.data = select.encode_to_vec().into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(encode_type: tipb::EncodeType) -> coprocessor::Response {
        let chunk = tipb::Chunk { rows_data: Some(vec![1, 2, 3].into()), ..Default::default() };
        let mut select = tipb::SelectResponse { chunks: vec![chunk], ..Default::default() };
        select.set_encode_type(encode_type);
        coprocessor::Response { data: select.encode_to_vec().into(), ..Default::default() }
    }

    fn damaged(encode_type: tipb::EncodeType, damage: Damage) -> coprocessor::Response {
        let mut told = rows(encode_type);
        answer(&mut told, damage);
        told
    }

    #[test]
    fn each_damage_is_done_to_answers_with_rows_only() {
        use tipb::EncodeType::{TypeChunk, TypeDefault};
        let whole = rows(TypeChunk).data.len();
        assert_eq!(damaged(TypeChunk, Damage::CutShort).data.len(), whole / 2);
        let cut = damaged(TypeChunk, Damage::RowsCutShort);
        let cut = tipb::SelectResponse::decode(cut.data).unwrap();
        assert_eq!(cut.chunks[0].rows_data.as_deref(), Some(&[1, 2][..]));
        for (before, after) in [(TypeChunk, TypeDefault), (TypeDefault, TypeChunk)] {
            let told = damaged(before, Damage::OtherEncoding);
            let told = tipb::SelectResponse::decode(told.data).unwrap();
            assert_eq!(told.encode_type(), after);
        }
        for damage in Damage::ALL {
            let mut refused = coprocessor::Response::default();
            answer(&mut refused, damage);
            assert_eq!(refused, coprocessor::Response::default());
        }
    }
}
