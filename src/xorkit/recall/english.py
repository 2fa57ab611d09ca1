"""What the grader knows of English itself: small words, frequent words, and other languages."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ARTICLES = _words("the a an every my your our its their")
PREPOSITIONS = _words("of by with from into onto for at in on to than between")
AUXILIARIES = _words(
    """
    is are was were be been do does did has have had can could will would should must might
    """
)
PRONOUNS = _words("i you he she it we they me him her us them")
CONJUNCTIONS = _words("and or but because if so")

THIRD_PERSON = _words(
    """
    computes calculates adds replaces subtracts gives takes makes gets sees goes becomes keeps
    multiplies says tells does empties clears accumulates
    """
)
FINITE_VERBS = THIRD_PERSON | _words("wrote gave took went")
ADVERBS = _words(
    "otherwise then when while not up out again instead because if so that this over and or"
)
PLACELESS = _words("each every both everything everywhere again also already always only just so")
BARE_ADJECTIVES = _words("random new bad nested")
NOUNS = _words(
    """
    gradient gradients bias biases loss epoch epochs iteration iterations network pass passes
    tensor error one each them array arrays list lists numbers rows columns dimensions cell seed
    matrix grid
    """
)
MOMENTS = _words("epoch epochs iteration iterations pass passes network one each time lists list")
OPERATORS = _words("minus plus times equals -= +=")
SYMBOLS = _words("w b p lr dw db θ γ g")
END = "(end)"

# Pairs of words that no English sentence holds, not even a clumsy one: signs of shuffled words.
NEVER_NEIGHBOURS = (
    (ARTICLES, ARTICLES | PREPOSITIONS | AUXILIARIES | CONJUNCTIONS | PRONOUNS | FINITE_VERBS),
    (ARTICLES, ADVERBS | PLACELESS - _words("only just always already") | {END}),
    (PREPOSITIONS, AUXILIARIES | FINITE_VERBS | CONJUNCTIONS),
    (PREPOSITIONS - _words("than between"), _words("we they i he she")),
    (
        _words("of to by with from for at into between"),
        _words("of by with from to for into at than over up out like"),
    ),
    (PREPOSITIONS - _words("in on"), frozenset({END})),
    (AUXILIARIES, FINITE_VERBS),
    # (but "what it does is …")
    (
        AUXILIARIES - _words("have had has do does did"),
        AUXILIARIES - _words("be been have do done"),
    ),
    (_words("i we they"), ARTICLES | PREPOSITIONS | THIRD_PERSON | _words("one it they we i")),
    (_words("it"), _words("of that")),
    (_words("these those"), PRONOUNS),
    (_words("this"), _words("me him her us them")),
    (_words("each every"), PRONOUNS | ARTICLES | _words("from by to and or again because if")),
    (NOUNS - MOMENTS, _words("the an")),  # "in each epoch the gradients …"
    (BARE_ADJECTIVES, _words("of from by the a an")),
    (BARE_ADJECTIVES - _words("new"), _words("is are")),  # "what is new is …"
    (CONJUNCTIONS - _words("so"), frozenset({END})),
    (_words("by to from with"), _words("times equals plus")),
    (OPERATORS, OPERATORS - _words("minus") | {END}),
    (_words("minus"), _words("minus")),
    (SYMBOLS, SYMBOLS),
)

# A clause begins before each of these, and a relation doesn't reach into the next clause.
CLAUSE_OPENERS = _words(
    """
    because but so if otherwise else unless when while whereas although though since which who
    until after before
    """
)
# One turn of the training loop: in a phrase each of these names stands for all of those below.
TURN_NAMES = _words("pass epoch iteration")
TURNS = _words("pass passes epoch epochs iteration iterations round rounds cycle cycles turn turns")
CONDITIONS = _words("if unless when without")

# What may stand between two words of a pattern without loosening what they say together.
FILLERS = _words(
    """
    the a an all any each every its their our my your this that these those just simply only also
    then really basically automatically actually again always now some both directly
    """
)

# What binds words to a sentence: a list of words has next to none of it.
BINDING = (
    ARTICLES
    | PREPOSITIONS
    | AUXILIARIES
    | PRONOUNS
    | CONJUNCTIONS
    | _words("this that these those as not no never none nothing")
)

# Between here and the end of the clause things are not so.
NEGATORS = _words(
    """
    not no never none nothing neither nor nobody without hardly barely instead rather avoid
    avoids avoiding avoided prevent prevents preventing prevented stop stops stopping stopped
    forget forgets forgot forgetting fail fails failed failing wrongly falsely
    """
)
# … and of these the ones that go without saying: "all passes instead of the last one".
COMPARISONS = _words("instead rather")

# What carries no statement of its own. Negators are left out on purpose: they always matter.
SMALL_WORDS = _words(
    """
    a about above actually again ahead all almost along already also although always am among
    an and another any anymore anyway are around as at automatic automatically away back
    basically be because been before behind being below both but by can completely could did do
    does doing done down during each either else especially etc even ever every everything
    exactly few finally first for from further get gets getting given gives go goes going good
    got guess had happen happens has have having he hence here him his how however i if in
    indeed inside into is it its itself just kind know last least let like lot made mainly make
    makes making many may maybe me mean meaning means might more most much must my myself
    namely need needed needs new next now of off often oh ok okay on once one ones only onto or
    order other others otherwise our ourselves out over own part per perhaps please possible
    probably put puts quite really remember said same say says see shall she should simple
    simply since so some somehow something sort still stuff such sure take takes than thanks
    that the their them themselves then there therefore these they thing things think this
    those though through thus to together too toward towards two under until up upon us use
    used uses using very via want wants was way we well were what whatever when where whether
    which while who whole whose why will with within word words work works would yes yet you
    your yours notonly thats far minus plus times equals squared percent second
    """
)

# Frequent words that a spelling repair must leave alone.
FREQUENT_WORDS = _words(
    """
    able access across act action active activate add adds address adjust affect afraid age
    algorithm allow alone amount animal answer anything apart apply area arrow ask average axis
    bad ball base basic batch bear beat beautiful begin beginning behave believe best bet
    better big bit black block blue board boat body book boring bottom box brain branch bread
    break bring brown build building burn bus business busy button buy cake call came capital
    car card care carry case cat catch cause center central chain chair chance change channel
    character cheap check child children choice choose circle city class clean clear clever
    clock close coat code coffee cold collect collection color column come common compare
    complete computer condition connect consider constant contain container content continue
    control cook cool copy core corner correct cost count country course cover crash create
    cross cry cup current curve cut cycle damage dance dark data date day dead deal dear death
    decide decrease deep default define degree delete depend describe design detail device die
    differ difference different difficult dimension direct direction dirty divide dog door dot
    double doubt drag draw dream dress drink drive drop dry due early earth easy eat edge
    effect eight element empty end engine english enough enter epoch equal error evening event
    example except expect expensive experience explain extra eye face fact factor fall false
    family far fast father favorite fear feature feed feel feet field fight figure file fill
    final find fine finger finish fire fish fit five fix flat float floor flow flower fly
    follow food foot force foreign forest form formula forward four frame free french fresh
    friend front fruit full fun function future game garden gave general german girl glass
    global goal god gold gone grad grade graph gray great green grid ground group grow guess
    half hand handle hang happy hard hat hate head hear heart heat heavy height held hello help
    hidden hide high hill history hit hold hole home hope horse hot hour house huge human
    hundred hurt ice idea ignore image important improve increase index information inner input
    instance instead integer interest island item job join jump keep key kill kitchen label
    lady land language large late later latest laugh law layer lazy learn leave left leg length
    less lesson letter level lib library lie life lift light likely limit line lines link list
    lists little live local long longer look loop lose loss lost loud love low lower luck
    machine magic main man manual map mark market math maths matrix matter maximum meal measure
    meat medium meet member memory mention message metal method middle mile milk million mind
    minimum minus minute miss missing mistake mix mode model modern moment money month moon
    morning mother mountain mouth move movie multiply multiple music name nature near neat neck
    nested network neuron nice night noise normal north nose note notebook notice number object
    ocean offer office oil old open operation opposite optimal option orange outcome outer
    output outside page paint pair paper parent park party pass past path pay peace people
    perfect person phone photo picture piece place plain plan plane plant plate play plus point
    poor positive power precise predict prefer prepare present press pretty previous price
    print problem process produce product program progress promise proper protect prove pull
    pure push quarter question quick quiet radio rain raise random range rank rate rather reach
    read ready real reason receive recent record red reduce refer region regular relation
    release rely remain remove repeat replace reply report represent request require reset rest
    restart result return reverse rich ride right ring rise river road rock role roll room root
    round row rule run sad safe salt sample sand save scale school science screen sea search
    season seat second secret section seed seem select sell send sense separate sequence series
    serious serve service set seven shape share sharp sheet shift ship shirt shoe shop short
    shot shout show side sign signal silver similar sing single sister sit site six size skin
    sky sleep slow small smart smile smooth snow soft solid solve son song sound source south
    space speak special speed spend spot spread spring square stack staff stage stand standard
    star start state static station stay steep step stick stone stop store storm story straight
    strange stream street strong structure stuck student study style sub subject subtract
    success sudden sugar suit sum summer sun support suppose surface swap sweet swim switch
    system table tail tall target task taste teach teacher team tell ten tend term test text
    theory thick thin third thought thousand three throw tiny tired title today tool top topic
    total touch tough tower town track trade train transfer travel tree trick trouble true
    trust truth try turn twice type typical uncle understand undo unit unknown update upper
    useful usual valid value variable various vector version video view village visit voice
    wait walk wall war warm warning wash waste watch water wave weak wear weather web week
    weight west wet wheel white wide wife wild win wind window wine winter wipe wish woman
    wonder wood world worry worse worst worth write wrong wrote yard year yellow yesterday
    young zero zone lets mess chip goes cores taken shown known grown given written worked
    bucket graphics hardware knows thrown frozen broke broken wobble tension tensor tensors
    trained averages
    """
)

# Frequent small words of other languages that are no English words.
OTHER_LANGUAGES = {
    "German": _words(
        """
    gradienten gewicht gewichte gewichten verlust lernrate schritt ableitung ableitungen netz
    zelle setzt null schneller verschachtelt verschachtelte liste listen rechnet berechnet
    antwortet immer keine ahnung nochmal für der das und ist nicht ein eine einen einem eines
    den dem des zu mit auf von sich wird werden weil dass damit wie oder aber auch nur noch bei
    nach aus wenn sonst jeder jede jedes jeden sind hat man wir ich er sie es im am zum zur vom
    durch über um diese dieser
    """
    ),
    "Spanish": _words(
        """
    gradiente gradientes pesos pérdida tasa aprendizaje paso cero celda suma suman acumulan
    listas anidadas rápido derivada calcula reemplaza siempre sé matriz el la los las una uno
    unos unas y que en por para con no se su sus lo es son como más pero porque si del al cada
    todos todas esta este esto hay muy también ya cuando entre sin sobre de un
    """
    ),
    "French": _words(
        """
    poids perte taux apprentissage zéro réseau cellule calcule remplace tableau liste listes
    rapide dérivée toujours sais je ne relancer le la les une des et que qui en pour par avec
    pas se sa ses ce cette est sont comme plus mais parce si du au aux chaque tous toutes il
    elle on nous vous ils elles dans sur sans de un à ça
    """
    ),
    "Italian": _words(
        """
    gradienti pesi perdita tasso passo rete cella calcola sostituisce sempre veloce il lo la
    gli le una uno e che in per con non si suo sua è sono come più ma perché se del della dei
    delle al alla ogni tutti tutte questo questa anche di un da nel nella
    """
    ),
    "Portuguese": _words(
        """
    gradientes pesos perda taxa passo rede célula calcula substitui sempre rápido o os as uma
    um e que em por para com não se seu sua é são como mais mas porque do da dos das ao cada
    todos todas isso este esta também já quando de no na
    """
    ),
    "Dutch": _words(
        """
    gewichten verlies leersnelheid stap netwerk berekent vervangt altijd sneller de het een en
    is niet van te dat die voor met zijn op aan er maar om ook als dan bij naar uit wordt
    worden deze elke omdat wij zij je
    """
    ),
}
