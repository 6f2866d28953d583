//! Counters that each core has for itself.

use aya::{
    Pod,
    maps::{Map, MapData, PerCpuArray, PerCpuValues},
};

pub(crate) type Counters<const WORDS: usize> = PerCpuArray<MapData, [u64; WORDS]>;

pub(crate) fn counters<const WORDS: usize>(map: MapData) -> Counters<WORDS>
where
    [u64; WORDS]: Pod,
{
    Map::PerCpuArray(map).try_into().expect("of this type")
}

/// The sums over all cores.
pub(crate) fn sums<const WORDS: usize>(counters: &Counters<WORDS>, index: u32) -> [u64; WORDS]
where
    [u64; WORDS]: Pod,
{
    let values = counters.get(&index, 0).expect("there is such a counter");
    values.iter().fold([0; WORDS], |mut sums, words| {
        for (sum, word) in sums.iter_mut().zip(words) {
            *sum += word;
        }
        sums
    })
}

pub(crate) fn clear<const WORDS: usize>(counters: &mut Counters<WORDS>)
where
    [u64; WORDS]: Pod,
{
    for index in 0..counters.len() {
        if sums(counters, index) != [0; WORDS] {
            let cores = aya::util::nr_cpus().expect("it can be counted");
            let zeroes = PerCpuValues::try_from(vec![[0; WORDS]; cores]).expect("one for each");
            counters.set(index, zeroes, 0).expect("there is such a counter");
        }
    }
}
