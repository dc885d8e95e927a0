// Search shows guides before the reference, and decisions and notes of measurements last.
var Scorer = {
  score: ([docname, title, anchor, descr, score]) => {
    const guide = /^(user_guide|coming_from|getting_started|compared)/;
    const record = /^(adr|decisions|benchmark_notes|changelog|developer)/;
    if (guide.test(docname)) return score + 30;
    if (record.test(docname)) return score - 30;
    return score;
  },
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
