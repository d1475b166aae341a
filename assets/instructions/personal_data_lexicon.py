"""Words that tell a person's name from other capitalized words: given names, words that open sentences, eponyms, products.

What belongs here: the lists, nothing else. They were written for this project from common knowledge: given names that are
frequent in English-speaking countries, South Asia, the Spanish- and Arabic-speaking worlds, Europe and East Asia, without those
that are also everyday English words, months, places or drugs (Will, May, June, Hope, Christian, India …). A list of names is
never complete; `personal_data_names.py` asks for one of these only where the context alone is weak evidence.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


GIVEN_NAMES = _words("""
    aaron abbas abdul abdullah abigail abraham adam adele adeline adrian adriana agnes ahmad ahmed aidan aiden aisha ajay
    akash akiko alan alana albert alberto alejandra alejandro alex alexa alexander alexandra alexis alfred ali alice alicia
    alina alison allison alma alyssa amanda amar amber amelia amina amir amit amrita amy ana anand anastasia andrea andreas
    andrew andy angel angela angelica angelina anil anita anjali ankit ann anna annabelle anne annie anthony antonio anton
    anya aria ariana ariel arjun arnold arthur arun asha ashish ashley ashok asif astrid audrey aurora ava avery ayesha
    barbara beatrice becky benjamin ben bernard bernice beth bethany betty beverly bianca bilal bob bobby boris brad bradley
    brandon brenda brian brianna bridget brittany brooke bruce bruno bryan caleb calvin camila cameron candice carl carla
    carlos carmen carol carolina caroline carolyn carter casey cassandra catherine cathy cecilia cedric chandra charlene
    charles charlie charlotte chelsea cheryl chiara chidi chloe chris christina christine christopher cindy claire clara
    clarence claudia clement cody colin connor conor corey courtney craig cristina crystal curtis cynthia daisy dale damian
    dan daniel daniela danielle danny daphne darius darlene darren dave david dawn dean deborah debbie debra deepa deepak
    deepika delia denise dennis derek devon diana diane diego dilip dimitri dinesh divya dmitri dolores dominic donald donna
    doreen doris dorothy douglas duncan dylan ebony eddie edgar edith edmund eduardo edward edwin eileen elaine eleanor
    elena eli elias elijah elisa elizabeth ella ellen ellie elliot elsa elsie emeka emil emilia emilio emily emma enrique
    eric erica erik erika erin ernest esha esther ethan eugene eva evan eve evelyn faisal farah farhan fatima felicity
    felipe felix fernando fiona florence frances francesca francis francisco frank frankie franklin fred freddie frederick
    freya gabriel gabriela gabrielle ganesh gareth gary gaurav gavin gemma geoffrey george georgia gerald gerard gina
    giovanni gita giulia gladys glenn gloria gopal gordon graham greg gregory greta guillermo gustavo hamza hana hannah
    harish haroon harold harriet harry harsh harvey hasan hassan hazel heather hector heidi helen helena henry herbert
    hiroshi holly howard hugh hugo hussain hussein ian ibrahim ida ilya imran ines ingrid irene irina iris isaac isabel
    isabella isaiah ismail ivan jack jackie jackson jacob jacqueline jade jaime jake jamal james jamie jana jane janet
    janice jared jasmin jason javier jay jayden jean jeff jeffrey jenna jennifer jenny jeremy jerome jerry jesse jessica
    jesus jill jim jimmy jin joan joanna joanne jocelyn joe joel johanna johannes john johnny jon jonah jonas jonathan jorge
    jose josef joseph josephine josh joshua joy joyce juan juanita judith judy julia julian juliana julie juliet julio
    justin jyoti kabir kamala karan kareem karen karim karina karl kate katherine kathleen kathryn kathy katie katrina
    kavita kayla keiko keith kelly kelsey ken kendra kenji kenneth kerry kevin khadija khalid kiara kieran kim kimberly
    kiran krishna kristen kristin kristina kumar kunal kurt kyle lakshmi lara larry lars latoya laura lauren laurence
    lawrence layla lea leah lee leila lena leo leon leonard leonardo leroy leslie lester levi lewis liam lila lillian lily
    linda lindsay lindsey lionel lisa logan lola lorenzo loretta lori lorraine louis louisa louise lucas lucia lucille lucy
    luis luke luna lydia lynn mabel madeline madhu madison magdalena mahesh mahmoud maisie malik manish manju manoj manuel
    marc marcel marco marcus margaret maria mariam mariana marie marilyn mario marisa marjorie marlene martha martin marvin
    mary maryam mateo mathew matilda matt matteo matthew maureen maurice max maya meera megan mehdi mei meena melanie
    melinda melissa mercedes meredith mia michael michaela michele michelle miguel mike mila mildred milena millie milo mina
    miranda miriam mitchell mohamed mohammad mohammed mohan mohit moira molly mona monica monique morgan moses muhammad
    muriel mustafa myra nadia nancy naomi nasir nasreen natalia natalie natasha nathan nathaniel naveen neha neil nelson
    nguyen nicholas nick nicky nicola nicolas nicole nigel nikhil nikita nina nisha nitin noah noel nora norma norman nour
    oleg olga oliver olivia omar oscar owen pablo paloma pamela paolo parvati patel patricia patrick paul paula pauline
    pavel pedro peggy penelope penny perry pete peter petra phil philip philippa phoebe phyllis pierre pooja prakash pranav
    prasad praveen preeti prem priscilla priti priya priyanka rachel radha rafael raghav rahul raj raja rajan rajesh rajiv
    rakesh ralph ram ramesh ramona randall randy rani raphael rashid raul ravi raymond rebecca reena regina rekha renata
    rene reuben rhys ricardo richard rick ricky riley rita ritu riya robbie robert roberta roberto robin rodney roger rohan
    rohit roland roman ronald ronnie rosa rosalie rosemary rosie roxanne roy ruben ruby rudolf rukhsana rupert russell ruth
    ryan sabrina sachin sadia saira salim sally salma sam samantha sameer samir samuel sana sandeep sandra sandy sanjay
    santiago sara sarah sarita satish saul savannah scarlett scott sean sebastian seema selena serena sergei sergio seth
    shabnam shane shannon sharon shaun shauna sheila shelley shirley shreya shweta sidney sierra simon simone siobhan sita
    sofia sonia sonya sophia sophie sridhar stacey stacy stan stanley stefan stella stephan stephanie stephen steve steven
    stewart stuart suman sumit sundar sunil sunita suresh surya susan susanna susie suzanne svetlana swati sylvia tamara
    tammy tania tanya tara tariq tasha tatiana taylor ted terence teresa terri terry thelma theo theodore theresa thomas
    tiffany tim timothy tina toby todd tom tommy toni tony tracey tracy travis trevor trisha troy tyler usha valentina
    valerie vanessa varun vasily vera veronica vicky victor victoria vijay vikram vincent vinod viola violet vishal vivek
    vivian vladimir wade walter wanda wayne wendy wesley wilfred wilhelm willem william wilma winifred winston xavier xiao
    yasmin yasmine yolanda yosef yuki yuri yusuf yvette yvonne zachary zahra zain zainab zara zoe zuzana josé maría zoë
    chloë andré renée jürgen björn sörën
""")

# Words that stand, capitalized, where a name could stand, but are none.
NOT_NAMES = _words("""
    a about above after again age aged ago all allergic allergy almost already also although always am an and another any
    anybody anyone anything are around as ask asking at avoid aware bad based be because been before being below best better
    between both but by bye call called can cancer cannot care cause check chest child children clinic clinical could cream
    currently daily date day days dear depressed desperate diabetes diabetic diagnosed diagnosis did disease do doc docs
    doctor doctors does doing done dose dr drs drug due during each early either else emergency even ever every everybody
    everyone everything exam experiencing family feel feeling feels female fever few first folks for friend friends from
    general gentleman gets getting give given go god going good got great greetings guys had happy has have having he head
    headache health hello help her here hers hey hi him his history home hope hospital how however husband i if important in
    infection information inside into is it its just kind kindly know ladies lady last lately later left let like long lot
    low ma'am maam madam male many may maybe me medical medicine medication mentioned might mine miss monday month months
    more morning most mother mr mrs ms much must my myself name near need needed needs never new next nhs night no nobody
    none normal nor not nothing now nurse of off office often okay ok old on once one only open or other our out over pain
    pains past patient patients period periods person physician pill pills please practitioner anesthetist midwife
    specialist assistant strange who pregnant pregnancy prescribed problem professor psychiatrist question questions quick
    quite really recently regarding regards respected right said saw says sex she should sign signs sincerely since sir sirs
    sister skin sleep so some somebody someone something sometimes soon sorry still stomach such suddenly sunday sure
    surgeon surgery symptom symptoms syndrome take taken takes taking team tell test tests than thank thanks that the their
    them then there therapist therapy these they thing things think this those though through thursday to today together
    told tomorrow too took toward treatment tried trying tuesday twice two type under unless until up us use used using
    usually vaccine very want wants was we wednesday week weekend weeks well went were what when where whether which while
    whom whose why wife will with within without woman women worried would year years yes yesterday yet you young your yours
    friday saturday january february march april june july august september october november december advised suggested
    referred ordered recommended explained examined wrote visit visits appointment chat chatdoctor bot assistant ai chatgpt
    gpt google internet world america american indian british chinese african asian european hispanic muslim hindu jewish
    english spanish tylenol advil motrin aleve benadryl zyrtec claritin aspirin ibuprofen paracetamol weight height blood
    results result report scan ultrasound mri ct xray x-ray ecg ekg icu er ent gp md phd rn mbbs usa uk jr sr ii iii reply
    await awaiting thinks believes recommends wants needs gave put sent also will calls
""")
# Given names that are also plants, stones, places or everyday words: alone they are no evidence.
AMBIGUOUS_NAMES = _words("""
    amber angel april ariel aurora autumn basil carol chance charity chelsea clement cody craig crystal daisy dale dawn dean
    devon diamond drew ebony faith florence frank georgia gene ginger grace grant guy hazel heather holly hope iris ivy jack
    jade jasmin jay jean jerry jordan joy june kelly kerry lance laurel lee lily lynn max may miles milan mina morgan olive
    owen patel ram ray rita robin rocky rosa rosemary ruby sally sandy saul scarlett sidney sierra stan still summer taylor
    terry victor victoria violet virginia wade will
""")

# Lower-case words after "my name is" that are no name.
NOT_LOWER_NAMES = NOT_NAMES | _words("""
    anonymous common confidential difficult different easy famous hard listed misspelled private spelled spelt unimportant
    unknown unusual withheld written wrong irrelevant hidden secret removed redacted missing suffering looking writing
""")

# Physicians and patients after whom diseases and signs are called; after a greeting or as a signature they are no evidence.
EPONYMS = _words("""
    addison alport alzheimer asperger barrett basedow bechterew behcet bell bence bright burkitt caesar charcot chiari crohn
    cushing de-quervain dercum down dressler dupuytren eaton edwards ehlers epstein ewing fabry fallot fanconi gaucher
    gilbert goodpasture graves guillain hansen hashimoto henoch hirschsprung hodgkin horner huntington kaposi kawasaki
    klinefelter korsakoff krabbe lambert lewy lou marfan meniere menière meckel mallory munchausen non-hodgkin noonan osgood
    osler paget parkinson patau peyronie pott prader prinzmetal raynaud reiter reye rett sezary sjogren sjögren still swan
    takayasu tay tourette turner von-willebrand wegener wernicke whipple williams wilms wilson wolff zenker zollinger
""")
PRODUCTS = _words("pepper scholl scholls bronner bronners google youtube reckeweg seuss")
# What follows an eponym, or a name that is none: "Dr. Down syndrome", "Parkinson's disease".
DISEASE_WORDS = (
    "disease|syndrome|sequence|pupil|congenital|nodules?|nodes?|patch|stain|stage|class|grade|index|classification|lymphoma|sarcoma|tumou?r|sign|test|score|palsy|thyroiditis|phenomenon|contracture|disorder|dementia|body|bodies"
    "|o?esophagus|ulcer|fracture|criteria|scale|manoeuvre|maneuver|procedure|anomaly|anaemia|anemia|ataxia|chorea"
)
PARTICLES = _words("van von de der den del della di da dos la le al bin ibn el ter ten st st.")
KIN = (
    "son|daughter|husband|wife|mother|mom|mum|mommy|mummy|father|dad|daddy|brother|sister|friend|boyfriend|girlfriend|partner"
    "|fianc[eé]e?|spouse|uncle|aunt|auntie|cousin|baby|child|kid|toddler|infant|newborn|boy|girl|grandmother|grandfather"
    "|grandma|grandpa|grandson|granddaughter|nephew|niece|neighbou?r|colleague|roommate|co-?worker|patient|twin"
)
# One of these is in every word of KIN.
KIN_STEMS = (
    *("son", "daughter", "husband", "wife", "moth", "mom", "mum", "dad", "fath", "sist", "brother", "friend", "partner"),
    *(
        "fianc",
        "spouse",
        "unc",
        "aunt",
        "cousin",
        "baby",
        "child",
        "kid",
        "toddler",
        "infant",
        "newborn",
        "boy",
        "girl",
        "grand",
    ),
    *("nephew", "niece", "neighb", "colleague", "roommate", "worker", "patient", "twin"),
)
