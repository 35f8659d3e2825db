//! Functions of vectors.

use std::cmp::Ordering;

use tifusion_codec::vector::VectorRef;
use tifusion_proto::tipb::ScalarFuncSig as Sig;

use super::call::{Call, Function, Outcome};
use crate::cop::error::EvalError;
use crate::cop::value::Value;

/// The function of a signature of this group.
pub(super) fn lookup(sig: Sig) -> Option<Function> {
    let one = |run| Some(Function::exact(1, run));
    let two = |run| Some(Function::exact(2, run));
    match sig {
        Sig::VecDimsSig => one(dimensions),
        Sig::VecAsTextSig | Sig::CastVectorFloat32AsString => one(text),
        Sig::CastVectorFloat32AsVectorFloat32 => one(|call| Ok(call.arg(0).clone())),
        Sig::VecL2NormSig => one(norm),
        Sig::VecL1DistanceSig => {
            two(|call| measure(call, |a, b| f64::from(sum(a, b, |a, b| (a - b).abs()))))
        }
        Sig::VecL2DistanceSig => {
            two(|call| measure(call, |a, b| f64::from(sum(a, b, |a, b| (a - b) * (a - b))).sqrt()))
        }
        Sig::VecNegativeInnerProductSig => {
            two(|call| measure(call, |a, b| -f64::from(sum(a, b, |a, b| a * b))))
        }
        Sig::VecCosineDistanceSig => two(|call| measure(call, cosine)),
        _ => None,
    }
}

/// Adds up pairs of elements, in single precision as TiDB does.
fn sum(a: VectorRef<'_>, b: VectorRef<'_>, part: fn(f32, f32) -> f32) -> f32 {
    a.iter().zip(b.iter()).map(|(a, b)| part(a, b)).sum()
}

fn cosine(a: VectorRef<'_>, b: VectorRef<'_>) -> f64 {
    let product = |a, b| f64::from(sum(a, b, |a, b| a * b));
    let similarity = product(a, b) / (product(a, a) * product(b, b)).sqrt();
    1.0 - similarity.clamp(-1.0, 1.0)
}

fn vector<'a>(call: &Call<'a>, at: usize) -> Result<Option<VectorRef<'a>>, EvalError> {
    Ok(call.vector(at)?.map(|cell| VectorRef::from_cell(cell)).transpose()?)
}

/// A number of two vectors of one length; NaN is `NULL`.
fn measure(call: &mut Call<'_>, of: fn(VectorRef<'_>, VectorRef<'_>) -> f64) -> Outcome {
    let Some((a, b)) = vector(call, 0)?.zip(vector(call, 1)?) else { return Ok(Value::Null) };
    if a.len() != b.len() {
        let message = format!("vectors have different dimensions: {} and {}", a.len(), b.len());
        return Err(EvalError::other(message));
    }
    Ok(Value::real(of(a, b)))
}

fn dimensions(call: &mut Call<'_>) -> Outcome {
    let len = vector(call, 0)?.and_then(|vector| i64::try_from(vector.len()).ok());
    Ok(len.map_or(Value::Null, Value::Int))
}

fn norm(call: &mut Call<'_>) -> Outcome {
    let squares = |vector: VectorRef<'_>| vector.iter().map(|x| f64::from(x) * f64::from(x)).sum();
    Ok(vector(call, 0)?.map(squares).map_or(Value::Null, |sum: f64| Value::real(sum.sqrt())))
}

fn text(call: &mut Call<'_>) -> Outcome {
    let Some(vector) = vector(call, 0)? else { return Ok(Value::Null) };
    let elements: Vec<String> = vector.iter().map(|element| element.to_string()).collect();
    Ok(Value::text(format!("[{}]", elements.join(","))))
}

/// Which of two vectors is greater: by the first elements that differ, then by length.
pub(super) fn compare(a: &[u8], b: &[u8]) -> Result<Ordering, EvalError> {
    let (a, b) = (VectorRef::from_cell(a)?, VectorRef::from_cell(b)?);
    let mut pairs = a.iter().zip(b.iter());
    let differs = pairs.find_map(|(a, b)| a.partial_cmp(&b).filter(|ordering| ordering.is_ne()));
    Ok(differs.unwrap_or_else(|| a.len().cmp(&b.len())))
}
