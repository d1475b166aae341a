"""Words that change what a question asks: what each of them stands for.

What belongs here: plain lists of patients' and textbooks' English. A tag names a meaning, so that words which say the same
share it (`paracetamol` and `acetaminophen`, `woman` and `female`); what two texts tag differently, they ask differently. The
lists tell texts apart; they are no register of drugs, tests or diseases, and a word that is not listed is left to the
comparison of words.
"""

from __future__ import annotations

from collections.abc import Mapping


def words_in(*lines: str) -> frozenset[str]:
    """The words of some lines.

    >>> sorted(words_in("mg ml", "kg"))
    ['kg', 'mg', 'ml']
    """
    return frozenset(" ".join(lines).split())


# tag → the words that mean it.
TAGGED: Mapping[str, str] = {
    # Sex of whoever is asked about; pronouns count, since a sentence may have nothing else.
    "male": "man men male males boy boys he his him himself husband father dad son brother grandfather uncle gentleman nephew",
    "female": "woman women female females girl girls she her hers herself wife mother mom mum daughter sister grandmother "
    "aunt lady",
    # Age groups.
    "newborn": "newborn newborns neonate neonates neonatal preterm premature",
    "infant": "baby babies infant infants infantile",
    "toddler": "toddler toddlers",
    "child": "child children kid kids boy boys girl girls son daughter childhood pediatric paediatric "
    "schoolchild schoolchildren",
    "teenager": "teenager teenagers teen teens adolescent adolescents adolescence teenage",
    "adult": "adult adults adulthood",
    "elderly": "elderly senior seniors geriatric",
    # Reproduction.
    "pregnant": "pregnant pregnancy pregnancies gestation gestational antenatal prenatal expecting",
    "breastfeeding": "breastfeeding breastfeed breastfed nursing lactating lactation",
    "postpartum": "postpartum postnatal puerperal",
    "trimester": "trimester trimesters",
    # Sides; `left` and `right` are looked at with what follows them.
    "both sides": "bilateral bilaterally",
    # Times and measures beside a number; years are left out, because ages come without them.
    "minute": "minute minutes min mins",
    "hour": "hour hours hourly hr hrs",
    "day": "day days daily",
    "every other day": "alternate-days",
    "week": "week weeks weekly wk wks",
    "month": "month months monthly",
    "mg": "mg milligram milligrams",
    "mcg": "mcg µg microgram micrograms",
    "gram": "g gram grams gm",
    "kg": "kg kilogram kilograms kilo kilos",
    "ml": "ml millilitre millilitres milliliter milliliters cc",
    "unit": "iu",
    "percent": "percent %",
    # Tests and vaccines.
    "ct": "ct",
    "mri": "mri",
    "x-ray": "xray radiograph",
    "ultrasound": "ultrasound sonogram ultrasonography sonography",
    "ecg": "ecg ekg electrocardiogram",
    "eeg": "eeg electroencephalogram",
    "biopsy": "biopsy biopsies",
    "mammogram": "mammogram mammograms mammography",
    "pap": "pap smear",
    "psa": "psa",
    "tsh": "tsh",
    "a1c": "hba1c a1c",
    "pcr": "pcr",
    "vaccine": "vaccine vaccines vaccination vaccinations vaccinated immunization immunizations immunisation "
    "shot shots jab jabs",
    "booster": "booster boosters",
    "hpv": "hpv papillomavirus",
    "mmr": "mmr",
    "tetanus": "tetanus tdap dtap",
    "flu": "flu influenza",
    "measles": "measles",
    "mumps": "mumps",
    "rubella": "rubella",
    "polio": "polio poliomyelitis",
    "covid": "covid coronavirus sars",
    "rabies": "rabies",
    "yellow fever": "yellow",
    # What is asked.
    "cause?": "cause causes caused causing etiology aetiology why",
    "symptom?": "symptom symptoms sign signs feature features manifestation manifestations presentation",
    "treat?": "treat treats treated treating treatment treatments therapy therapies cure cures cured curable treatable "
    "manage managed management remedy remedies",
    "diagnose?": "diagnose diagnosed diagnosing diagnosis diagnoses diagnostic detect detected detection "
    "test tests tested testing",
    "prevent?": "prevent prevents prevented preventing prevention",
    "outlook?": "prognosis outlook survival",
    "inherit?": "inherited inherit hereditary inheritance genetic genetics gene genes heritable",
    "familial": "familial",
    "risk?": "risk risks",
    "complication?": "complication complications",
    "stages?": "stage stages staging",
    "dose?": "dose doses dosage dosages dosing",
    "benefit?": "benefit benefits beneficial",
    "research?": "research trial trials",
    "side effects?": "side-effects",
    "how many?": "how-many",
    "how long?": "how-long",
    "how often?": "how-often",
    "how much?": "how-much",
    "when?": "asked-when",
    "what is it?": "asked-what",
    "what to do?": "asked-what-to-do",
    "see a doctor?": "asked-to-see-one",
    "heart attack": "infarction infarct",
    "spread?": "spread spreads transmitted transmission transmissible",
    "mechanism?": "mechanism mechanisms",
    "indicated": "indicated indication indications",
    "contraindicated": "contraindicated contraindication contraindications",
    "except": "except",
    "false?": "false incorrect untrue",
    "least": "least fewest lowest",
    "most": "most commonest highest",
    # Courses and degrees.
    "acute": "acute",
    "chronic": "chronic",
    "benign": "benign noncancerous",
    "malignant": "malignant cancerous",
    "bacterial": "bacterial",
    "viral": "viral",
    "fungal": "fungal",
    "autoimmune": "autoimmune",
    "congenital": "congenital",
    "allergic": "allergic",
    "idiopathic": "idiopathic",
    "recurrent": "recurrent relapsing",
    "juvenile": "juvenile",
    "postoperative": "postoperative postop",
    "high": "high higher elevated raised raise raises raising increase increases increased increasing",
    "low": "low lower lowers lowering reduce reduces reduced reducing decrease decreases decreased decreasing",
}
# Several words → the one word that stands for them.
PHRASES: dict[str, str] = {
    "high blood pressure": "hypertension",
    "low blood pressure": "hypotension",
    "heart attack": "infarction",
    "heart attacks": "infarction",
    "myocardial infarction": "infarction",
    "run in families": "inherited",
    "runs in families": "inherited",
    "get rid of": "treat",
    "left untreated": "untreated",
    "not treated": "untreated",
    "side effect": "side-effects",
    "side effects": "side-effects",
    "adverse effect": "side-effects",
    "adverse effects": "side-effects",
    "adverse event": "side-effects",
    "adverse events": "side-effects",
    "cat scan": "ct",
    "ct scan": "ct",
    "x ray": "xray",
    "x rays": "xray",
    "how many": "how-many",
    "how common": "how-many",
    "how long": "how-long",
    "how often": "how-often",
    "how much": "how-much",
    "how soon": "asked-when",
    "what is are": "asked-what",
    "every other day": "alternate-days",
    "what to do": "asked-what-to-do",
    "what should i do": "asked-what-to-do",
    "what can i do": "asked-what-to-do",
    "what do i do": "asked-what-to-do",
    "what do you advise me to do": "asked-what-to-do",
    "what do you advise": "asked-what-to-do",
    "what do you recommend": "asked-what-to-do",
    "what do you suggest": "asked-what-to-do",
} | {f"when {verb}": "asked-when" for verb in ("can", "should", "do", "does", "may", "will", "is")}
PHRASES |= {f"{verb} {whose} doctor": "asked-to-see-one" for verb in ("see", "call", "consult") for whose in ("a", "the", "my")}
# Names of one drug: brand → generic, as patients use them.
SAME_DRUG: Mapping[str, str] = {
    "tylenol": "paracetamol",
    "acetaminophen": "paracetamol",
    "panadol": "paracetamol",
    "advil": "ibuprofen",
    "motrin": "ibuprofen",
    "nurofen": "ibuprofen",
    "aleve": "naproxen",
    "zoloft": "sertraline",
    "lexapro": "escitalopram",
    "cipralex": "escitalopram",
    "prozac": "fluoxetine",
    "celexa": "citalopram",
    "paxil": "paroxetine",
    "wellbutrin": "bupropion",
    "effexor": "venlafaxine",
    "cymbalta": "duloxetine",
    "zyrtec": "cetirizine",
    "claritin": "loratadine",
    "allegra": "fexofenadine",
    "benadryl": "diphenhydramine",
    "eliquis": "apixaban",
    "xarelto": "rivaroxaban",
    "plavix": "clopidogrel",
    "coumadin": "warfarin",
    "ozempic": "semaglutide",
    "wegovy": "semaglutide",
    "januvia": "sitagliptin",
    "glucophage": "metformin",
    "xanax": "alprazolam",
    "ativan": "lorazepam",
    "klonopin": "clonazepam",
    "valium": "diazepam",
    "stromectol": "ivermectin",
    "diflucan": "fluconazole",
    "valtrex": "valacyclovir",
    "tamiflu": "oseltamivir",
    "flonase": "fluticasone",
    "salbutamol": "albuterol",
    "ventolin": "albuterol",
    "singulair": "montelukast",
    "synthroid": "levothyroxine",
    "lyrica": "pregabalin",
    "lipitor": "atorvastatin",
    "crestor": "rosuvastatin",
    "viagra": "sildenafil",
    "prilosec": "omeprazole",
    "nexium": "esomeprazole",
    "lasix": "furosemide",
}
BODY_PARTS = words_in(
    "arm arms leg legs hand hands foot feet knee knees hip hips shoulder shoulders elbow elbows ankle ankles wrist",
    "wrists eye eyes ear ears breast breasts lung lungs kidney kidneys side sided flank ovary testicle testis",
    "nostril cheek thigh calf heel toe finger thumb lower upper temple chest abdomen groin jaw face hemisphere",
    "ventricle atrium",
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_TO_NINETEEN = [
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
NUMBER_WORDS: Mapping[str, float] = (
    {word: float(n) for n, word in enumerate(_TO_NINETEEN, start=2)}
    | {word: float(10 * n) for n, word in enumerate(_TENS, start=2)}
    | {"half": 0.5, "twice": 2.0, "double": 2.0, "thrice": 3.0, "second": 2.0, "third": 3.0, "fourth": 4.0, "dozen": 12.0}
)
NEGATIONS = words_in(
    "not no never none nor neither without cannot dont cant isnt doesnt wont didnt wasnt arent shouldnt couldnt",
    "wouldnt havent hasnt unsafe unable unlikely untreated ineffective",
)
