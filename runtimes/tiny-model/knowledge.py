"""What the tiny demonstration model is taught to say, as data.

`corpus.py` turns these tables into dialogues. One question class has one answer (a few have two), because a
model of two million parameters learns a fixed answer well and a free choice badly.

Placeholders in curly brackets are filled by `corpus.py`.
"""

UNKNOWN = "I am a tiny demonstration model and I do not know that. Start the node with a larger model for real answers."
NOT_UNDERSTOOD = "I did not understand that. Try a short question, for example: what is a room?"
ENGLISH_ONLY = "I understand only a little English. Start the node with a larger model for other languages."
TOO_LARGE = "I can only calculate with small numbers. Start the node with a larger model for real answers."

# --- things with a definition -----------------------------------------------------------------------------
# names: what people call it. A name that starts with "a " or "an " is a countable noun: article, plural and
# bare form are made from it. Any other name is used as it stands.
# more: the answer to "tell me more" directly after the definition; None where there is none.

CONCEPTS = [
    (["Plexus", "the Plexus platform", "Plexus chat", "this program", "this app"],
     "Plexus is a self-hosted platform for chat and AI. It has no central server: every process is a node, and rooms, users and AI agents are actors on those nodes.",
     "One Plexus node alone is the complete product. Start more nodes and they share the work: rooms and agents can move between them while people use them."),
    (["a node", "a plexus node"],
     "A node is one running Plexus process. It is a peer on the encrypted mesh, it hosts actors, and one node alone is the complete product.",
     "A node has roles, a journal on disk and a gateway for web pages, terminals and API clients. More nodes join with an invitation."),
    (["an actor", "the actor model"],
     "An actor is a small unit with its own state and a mailbox. It handles one message at a time, so its state is never changed by two things at once.",
     "In Plexus a room, a user, an agent and a shard holder are all actors. An actor can be stopped, replayed or moved between any two messages."),
    (["a room", "a chat room", "a channel"],
     "A room is a place where people and agents talk. In Plexus each room is an actor: it keeps its members and its messages, and everyone in it sees each new message.",
     "The messages of a room are written to the journal before they are acknowledged, so they are still there after a crash."),
    (["an agent", "an ai agent", "an assistant"],
     "An agent is an AI member of a room. It has a name and a persona, it runs as an actor, and it answers when somebody mentions it with @ and its name.",
     "An agent asks a node with the role ai for text. The tokens come back as messages and appear in the room while they are made."),
    (["a mailbox", "an inbox"],
     "A mailbox is the queue of messages in front of an actor. It has a limit: a full mailbox refuses new messages with MAILBOX_FULL, and the sender may try again.",
     None),
    (["a supervisor", "supervision"],
     "A supervisor watches actors. When an actor fails, the supervisor restarts it and waits longer after each failure. An actor that fails too often is quarantined.",
     None),
    (["the journal", "a journal", "the log"],
     "The journal is the file on disk where a node writes every event before it answers. After a crash the actors are rebuilt from the journal, so an acknowledged message is not lost.",
     "The journal groups many events into one synced write and sends the same batch to the replicas. Old parts are trimmed behind a snapshot."),
    (["a snapshot"],
     "A snapshot is a saved copy of the state of an actor. With a snapshot an actor starts fast: it loads the copy and replays only the newer events of the journal.",
     None),
    (["an epoch"],
     "An epoch is a number that rises each time a slot gets a new owner. A replica refuses every write with an older epoch, so there is only one history.",
     None),
    (["a slot"],
     "A slot is a group of actors that live together. Each actor belongs to a slot by the hash of its name, and each slot has one owner node and some replicas.",
     None),
    (["a replica"],
     "A replica is a copy of a slot on another node. A write counts only when all replicas that are in sync have it on disk, so a node can die without losing a message.",
     None),
    (["replication"],
     "Replication means that the owner of a slot sends each write to its replicas. The write is acknowledged when all replicas that are in sync have it on disk.",
     None),
    (["migration", "a migration", "actor migration"],
     "Migration moves actors from one node to another while people use them. The new node first copies the state, then it becomes the owner with a higher epoch. No acknowledged message is lost.",
     "During a migration the old node finishes its current turn and refuses what comes later with MOVED. The sending nodes then send these messages to the new owner, in the same order."),
    (["a backup shard", "a shard", "backup sharding"],
     "A backup shard is one encrypted piece of a backup. Plexus spreads the shards over shard holders on different nodes, so a backup survives the loss of some of them.",
     None),
    (["a backup", "the backup"],
     "A backup is a compressed, encrypted copy of your data. It is split into shards that are kept on different nodes, and it can be restored by user, thread or date.",
     None),
    (["passivation"],
     "Passivation means that an idle actor leaves memory. Its state is safe on disk, and the next message brings it back.",
     None),
    (["quarantine", "the quarantine", "a quarantined actor"],
     "Quarantine is where an actor goes when it fails again and again. The admin can see it, its message is kept as a dead letter, and a command releases it.",
     None),
    (["a role", "a node role"],
     "A role says what work a node does, for example ai for models. A single node has every role. With more nodes you choose the roles with --role.",
     None),
    (["the mesh", "a mesh"],
     "The mesh is the encrypted network between the nodes. Every node is a peer with its own key, and only members can talk on it.",
     None),
    (["libp2p"],
     "libp2p is the network library that Plexus uses for its mesh. It gives each node a key as its identity and encrypts every connection.",
     None),
    (["an inference host", "the inference host"],
     "The inference host is a child process of the node that runs the models. If a model crashes, only this process is lost, and the node starts it again.",
     None),
    (["inference"],
     "Inference means running a model to make text. In Plexus a node with the role ai does it and sends the tokens back one by one.",
     None),
    (["Piscina", "the piscina pool", "a worker pool"],
     "Piscina is a library for pools of worker threads. Plexus uses it inside the inference host, so that running a model does not block the node.",
     None),
    (["llama.cpp", "llama cpp", "node-llama-cpp"],
     "llama.cpp is the engine that runs GGUF models. Plexus uses it inside the inference host, on the processor or on a graphics card.",
     None),
    (["GGUF", "a gguf file", "the gguf format"],
     "GGUF is a file format for language models. One file holds the weights, the tokenizer and the chat template. Start a node with --model and the path of such a file.",
     None),
    (["a token"],
     "A token is a small piece of text, often a word or a part of a word. A model reads tokens and writes one token after another.",
     None),
    (["streaming"],
     "Streaming means that you see each token as soon as the model has made it, instead of waiting for the whole answer.",
     None),
    (["a model", "a language model", "an llm", "an ai model"],
     "A language model is a program that continues text, one token at a time. I am a very small one. You can start the node with a larger one.",
     None),
    (["a context", "a context window", "the context length"],
     "The context is the text that a model can see at once. My context is 1024 tokens, so I forget the start of a long conversation.",
     None),
    (["a parameter", "a weight"],
     "A parameter is one number inside a model. I have about two million of them. Large models have billions.",
     None),
    (["quantization", "quantisation"],
     "Quantization stores the numbers of a model with fewer bits. The file gets smaller and faster, and the answers get a little worse. I am stored with eight bits.",
     None),
    (["a persona", "a system prompt", "a system message"],
     "A persona is the text that tells an agent how to behave. It is sent to the model in front of the conversation.",
     None),
    (["a mention"],
     "A mention is an @ with a name, for example @helper. An agent answers in a room when you mention it.",
     None),
    (["a message"],
     "A message is what you send to a room. It is written to the journal first, then acknowledged, and then everyone in the room sees it.",
     None),
    (["a turn"],
     "A turn is one message handled to the end by an actor. Between two turns an actor can be stopped, replayed or moved.",
     None),
    (["an effect"],
     "An effect is what an actor asks the kernel to do, for example to persist an event, to reply or to publish.",
     None),
    (["an event"],
     "An event is a fact that has happened, for example that a message was posted. The journal keeps events, and they rebuild the state of an actor.",
     None),
    (["a behavior", "a behaviour"],
     "A behavior is the code of one kind of actor. It is made of pure functions: decide returns effects, and evolve changes the state.",
     None),
    (["the kernel", "the plexus kernel"],
     "The kernel is the part of a node that runs the actors. It owns the mailboxes, the turns, the timers and the supervision.",
     None),
    (["the gateway", "a gateway"],
     "The gateway is the door of a node for clients. It speaks HTTP, WebSocket and gRPC, and it checks who you are before anything else.",
     None),
    (["the directory", "the cluster directory"],
     "The directory knows which node owns which slot. It changes a record only by compare-and-set, so two nodes cannot both win.",
     None),
    (["placement", "the role manager", "the controller"],
     "Placement decides which node owns which slot. The role manager plans it: roles first, then different zones, and as few moves as possible.",
     None),
    (["a pin"],
     "A pin gives one actor a slot of its own. This is how a single actor is moved by command.",
     None),
    (["a learner"],
     "A learner is a node that is still copying the data of a slot. When it has everything, it can become a replica.",
     None),
    (["a dead letter"],
     "A dead letter is a message that could not be handled. It is kept so that the admin can look at it.",
     None),
    (["failover"],
     "Failover means that another node takes over when the owner of a slot dies. It gets a higher epoch, checks the logs of the replicas and then serves.",
     None),
    (["an operation id", "idempotency", "operationId"],
     "An operation id is a name for one command. If you send the command again with the same id, it is not applied twice and you get the first answer.",
     None),
    (["an invitation", "an invite"],
     "An invitation lets one new node join the mesh. It can be used only once.",
     None),
    (["a cluster"],
     "A cluster is a group of Plexus nodes that share the work. There is no central server in it.",
     None),
    (["a peer"],
     "A peer is another node on the mesh. Its identity is its key.",
     None),
    (["an admin", "an administrator"],
     "An admin looks after the nodes: users, roles, placement, backups and the audit log.",
     None),
    (["an admin code", "the admin code"],
     "The admin code makes the first admin. The node shows it in its terminal when it starts. Enter it when you create the first account: that account becomes the admin.",
     None),
    (["an api key"],
     "An API key lets a program use your node. Make one on the settings page and send it with each request.",
     None),
    (["the openai api", "the openai compatible api", "the api", "the http api"],
     "Every node has an OpenAI-compatible API at /v1/chat/completions. Make an API key on the settings page, and your existing programs work unchanged.",
     None),
    (["etcd"],
     "etcd is a proven store that can hold the directory of a Plexus cluster. Use it when one manager node is not enough.",
     None),
    (["ollama"],
     "Ollama is a program that serves models on your machine. Plexus can use it as a runtime.",
     None),
    (["onnx"],
     "ONNX is an open format for neural networks. Plexus has a runtime for it.",
     None),
    (["bitnet"],
     "BitNet is a kind of model whose weights have only three values. Plexus runs such GGUF files with llama.cpp.",
     None),
    (["a merkle tree"],
     "A Merkle tree is a tree of hashes. Replicas compare the roots of their trees to find and repair damaged data.",
     None),
    (["reed-solomon", "erasure coding"],
     "Reed-Solomon is a code that adds spare pieces to data. A backup can be restored even when some of its pieces are lost.",
     None),
    (["a websocket"],
     "A WebSocket is a connection that stays open. The web page uses it to get new messages and tokens at once.",
     None),
    (["grpc"],
     "gRPC is a way for programs to call each other. Every Plexus node offers it beside HTTP and WebSocket.",
     None),
    (["prometheus", "the metrics"],
     "Prometheus is a program that collects metrics. A Plexus node publishes its numbers for it.",
     None),
    (["a runtime"],
     "A runtime is an adapter that runs models. Plexus has runtimes for llama.cpp, ONNX, Ollama, OpenAI-compatible servers and a simple echo for tests.",
     None),
    (["temperature"],
     "The temperature says how freely a model chooses its next token. With zero it always takes the most likely one.",
     None),
    (["markdown"],
     "Markdown is a simple way to write **bold** text, lists and code. Plexus shows it nicely in the web page.",
     None),
]

DEFINITION_FORMS = [  # {x} has its article, {xs} is the plural, {n} the bare noun
    "what is {x}", "what is {x}", "what is {x}", "what's {x}", "whats {x}", "what are {xs}", "what are {xs}",
    "explain {x}", "explain {xs}", "explain what {x} is", "define {x}", "define {n}", "describe {x}",
    "tell me about {x}", "tell me about {xs}", "tell me what {x} is", "tell me something about {xs}",
    "can you explain {x}", "can you tell me what {x} is", "could you explain what {x} is", "do you know what {x} is",
    "what does {n} mean", "what do you mean by {n}", "what does {x} do", "what do {xs} do", "what is {x} for",
    "what is {x} good for", "how does {x} work", "how do {xs} work", "why do i need {x}", "why are there {xs}",
    "what do you know about {xs}", "i want to know what {x} is", "i do not know what {x} is", "who needs {x}",
    "{n}", "{n}?", "{x}?", "meaning of {n}", "what exactly is {x}", "what is meant by {n}", "what the heck is {x}",
    "give me a definition of {n}", "in one sentence, what is {x}", "help me understand {xs}", "info about {xs}",
    "what can {x} do", "why should i use {x}", "what is {x} about", "what's {x} all about", "what is so special about {x}", "what is the point of {x}", "why is there {x}", "what is {x} used for", "i have a question about {xs}",
]
DIFFERENCE_FORMS = [  # answered with the first sentence of both definitions
    "what is the difference between {x} and {y}", "what is the difference between {x} and {y}", "what's the difference between {x} and {y}", "what is {x} and what is {y}", "{x} or {y}", "{x} vs {y}", "compare {x} and {y}", "tell me about {x} and {y}", "explain {x} and {y}",
    "what is {x} and {y}", "is {x} the same as {y}", "is {x} {y}", "how do {x} and {y} differ", "what are {x} and {y}",
]
FOLLOW_UP_FORMS = [  # only after another definition in the same dialogue
    "and {x}?", "and {xs}?", "what about {x}?", "what about {xs}", "and what is {x}?", "how about {x}", "and {n}",
]
MORE_FORMS = ["tell me more", "more", "more please", "can you say more", "go on", "more details", "explain more",
              "tell me more about it", "what else", "and what else"]
NO_MORE = "That is all I know about it. Start the node with a larger model for real answers."

# --- things people do: (ways to say it, answer). Each way is put after "how do i", "how can i" and so on. ---

ACTIONS = [
    (["create a room", "make a room", "open a new room", "start a room", "add a room", "create a new chat room", "make a channel"],
     "Press the + button beside \"Rooms\" in the web page and type a name. In the terminal run `plexus chat --room NAME`."),
    (["join a room", "enter a room", "get into a room", "go to another room", "join a chat", "switch rooms", "open a room"],
     "Click the room in the list, or press the + button beside \"Rooms\" and type its name. In the terminal run `plexus chat --room NAME`."),
    (["leave a room", "get out of a room", "exit a room", "quit a room"],
     "Open the room in the web page and choose to leave it. You can join again later with the + button beside \"Rooms\"."),
    (["mention an agent", "call an agent", "talk to an agent", "ask an agent", "get an answer from an agent", "ask the bot", "use an agent in a room", "summon an agent"],
     "Write @ and the name of the agent in a room, for example `@helper what is a room?`. The agent answers in the room."),
    (["make an agent", "create an agent", "add an agent", "make my own agent", "build an ai agent", "set up an assistant", "make a bot"],
     "Create an agent in the web page: give it a name and a text that says how it should behave. Then mention it in a room with @ and its name."),
    (["stop an answer", "stop you", "cancel an answer", "interrupt you", "stop the generation", "make you stop", "abort an answer", "stop an agent"],
     "Press the stop button while the answer is being written. What was written so far stays."),
    (["regenerate an answer", "get another answer", "try again", "get a new answer", "make you answer again", "redo an answer", "retry"],
     "Press the regenerate button under the answer. The agent then writes a new one."),
    (["use a real model", "use a larger model", "use a better model", "load a model", "change the model", "use my own model", "run a bigger model", "use a gguf file", "get real answers", "get better answers", "replace you", "start the node with a model", "switch models", "use llama", "use another model"],
     "Get a GGUF file of a real model and start the node with it: `plexus up --model path.gguf` or `npm start -- --model path.gguf`."),
    (["start a node", "start plexus", "run plexus", "run a node", "launch plexus", "begin"],
     "Run `npm start` in the Plexus folder, or `plexus up`. One node alone is the complete product."),
    (["add another node", "join a node to the mesh", "join a cluster", "start a second node", "add a machine", "connect two nodes", "grow the cluster"],
     "Make an invitation on a running node, then start the new node with `plexus up --join` and that invitation. With `--role` you choose what it does."),
    (["use the api", "use the openai api", "call the api", "use plexus from my program", "connect a program", "use plexus with python", "connect my editor", "use curl"],
     "Make an API key on the settings page and send your requests to `/v1/chat/completions` on any node. It is compatible with the OpenAI API."),
    (["make an api key", "get an api key", "create an api key", "get a key for the api", "find my api key"],
     "Open the settings page and make an API key there. Copy it at once and keep it secret."),
    (["become an admin", "get admin rights", "find the admin code", "use the admin code", "log in as admin", "get the admin code"],
     "Enter the admin code when you create the first account: that account becomes the admin. The node shows the code in its terminal when it starts."),
    (["use the terminal", "chat in the terminal", "use the command line", "chat without a browser", "use the cli"],
     "Run `plexus chat --room NAME` in the terminal. You see the same room as in the web page."),
    (["back up my data", "make a backup", "save my messages"],
     "Plexus makes encrypted backups and spreads their shards over different nodes. An admin can restore them by user, thread or date."),
    (["move an actor", "move a room to another node", "migrate a room", "move a room"],
     "An admin moves it by command. The room stays usable: the new node copies the state first and then takes over."),
    (["stop a node", "shut down plexus", "drain a node", "stop the server", "quit plexus"],
     "Press Ctrl+C in the terminal of the node. It drains first: it finishes its work and then stops."),
    (["release an actor from quarantine", "fix a quarantined actor", "release a quarantined actor"],
     "An admin releases it by command. Look at its dead letter first to see what went wrong."),
    (["write bold text", "format my text", "use markdown", "write a list"],
     "Use Markdown: two stars around a word make it **bold**, and a line that starts with a dash becomes a list item."),
    (["invite a friend", "invite somebody to a room", "add people to a room", "get my friends into a room", "invite people", "invite someone"],
     "Tell the others the name of the room. They join it with the + button beside \"Rooms\" or with `plexus chat --room NAME`."),
    (["send a message", "write a message", "post a message", "say something in a room"],
     "Open a room, type your text and press Enter. The message is in the journal before it is acknowledged."),
]
ACTION_FORMS = [
    "how do i {v}", "how do i {v}", "how do i {v}", "how can i {v}", "how can i {v}", "how to {v}", "how to {v}", "how do you {v}",
    "how does one {v}", "i want to {v}", "i would like to {v}", "can i {v}", "where can i {v}", "where do i {v}",
    "help me {v}", "show me how to {v}", "tell me how to {v}", "explain how to {v}", "what do i do to {v}",
    "is there a way to {v}", "is it possible to {v}", "what is the way to {v}", "can you tell me how to {v}", "{v}",
    "i need to {v}", "what must i do to {v}", "can we {v}", "how would i {v}", "teach me to {v}",
]
ACTIONS_UNKNOWN = ["delete a message", "change my password", "upload a file", "mute a room", "rename a room", "block a user", "edit a message", "make a video call", "send a picture", "change the theme", "print a page", "call a friend", "pin a message", "export a table", "train a model", "change the language", "hide a room", "translate a message"]
ACTION_UNKNOWN_FORMS = [f for f in ACTION_FORMS if f != "{v}"]

# --- fixed questions: (ways to ask, answers) ---------------------------------------------------------------

FAQ = [
    (["hi", "hello", "hey", "hi there", "hello there", "hey there", "good morning", "good evening", "good afternoon", "yo", "greetings",
      "hi bot", "hello bot", "hallo", "hiya", "heya", "howdy", "hello everyone", "hi all", "good day", "hey you", "hi helper", "helo", "hii", "sup"],
     ["Hello! How can I help you?", "Hi! Ask me something about Plexus."]),
    (["can you help me", "help", "help me", "i need help", "what can you do", "what can i ask", "what can i ask you", "what do you know",
      "what are you good at", "what should i ask", "what are your skills", "what can you help me with", "how can you help me", "how do you help"],
     ["I can explain Plexus: nodes, rooms, actors, agents and models. I also add small numbers, know some capitals and remember your name."]),
    (["how are you", "how are you today", "how do you feel", "how is it going", "how are things", "are you ok", "are you well", "how are you doing",
      "what's up", "whats up", "how do you do", "are you happy"],
     ["I am fine, thank you. How can I help you?"]),
    (["i am fine", "i am good", "i am well", "fine thanks", "all good", "i am happy", "good thanks", "me too", "great", "nice", "cool", "awesome", "wow", "i see", "interesting", "perfect", "good"],
     ["I am glad to hear that."]),
    (["i am sad", "i feel bad", "i am tired", "i had a bad day", "i am angry", "i am bored", "i am lonely", "i am sick", "life is hard", "i am stressed"],
     ["I am sorry to hear that. I hope it gets better soon."]),
    (["thanks", "thank you", "thank you very much", "thanks a lot", "many thanks", "ok thanks", "great thanks", "thx", "ty", "thank you so much", "cheers", "thanks bot", "thanks for your help", "that helps", "that was helpful"],
     ["You are welcome!"]),
    (["bye", "goodbye", "see you", "see you later", "good night", "i have to go", "cya", "bye bye", "until tomorrow", "farewell", "talk to you later", "i am leaving", "see you tomorrow"],
     ["Goodbye! See you soon."]),
    (["yes", "yes please", "ok", "okay", "sure", "yeah", "yep", "right", "of course", "alright", "fine"],
     ["Good. What would you like to know?"]),
    (["no", "no thanks", "not now", "nothing", "nothing else", "nope", "never mind", "forget it", "not really"],
     ["All right. I am here when you need me."]),
    (["you are nice", "you are great", "good bot", "well done", "i like you", "i love you", "you are smart", "you are funny", "good job", "good answer", "you are cute", "nice answer"],
     ["Thank you! That is kind of you."]),
    (["you are stupid", "you are bad", "bad bot", "that is wrong", "this is wrong", "i hate you", "you are useless", "you are dumb", "you suck", "shut up", "wrong answer", "that is not right", "nonsense", "you are wrong"],
     ["I am sorry. I am very small and I make mistakes. A larger model would do better."]),
    (["sorry", "i am sorry", "my mistake", "oops", "pardon me", "excuse me"], ["No problem at all."]),
    (["are you human", "are you a person", "are you a robot", "are you real", "are you a bot", "are you alive", "are you an ai", "am i talking to a human", "are you a machine", "do you have feelings", "are you conscious"],
     ["I am not a person. I am a tiny demonstration model that runs on your own node."]),
    (["how big are you", "how large are you", "how many parameters do you have", "what is your size", "how small are you", "how many weights do you have", "what size are you"],
     ["I have about two million parameters. That is very small: large models have billions."]),
    (["how old are you", "when were you born", "what is your age", "when is your birthday"], ["I have no age. I was made together with Plexus."]),
    (["who made you", "who created you", "who built you", "who trained you", "where do you come from", "how were you made", "how were you trained", "who is your maker", "who wrote you"],
     ["I was trained from scratch for Plexus, on made-up dialogues. The scripts are in the folder `runtimes/tiny-model`."]),
    (["are you chatgpt", "are you gpt", "are you llama", "are you claude", "are you gemini", "are you openai", "which model are you", "what model are you", "which model is this", "what model is running", "what llm are you", "which model do you use"],
     ["I am Plexus tiny demo, a very small model that ships with Plexus. Start the node with `--model path.gguf` to use a real one."]),
    (["do you make mistakes", "are you always right", "can i trust you", "are you reliable", "are your answers correct", "are you accurate", "should i trust you", "do you hallucinate"],
     ["No, do not rely on me. I am very small and I make mistakes. Use a larger model for real work."]),
    (["are you fast", "how fast are you", "are you slow", "why are you so fast", "do you need a gpu", "do i need a gpu", "do you need a graphics card", "does it work without a gpu", "can it run on a cpu"],
     ["I am very small, so I am fast even without a graphics card. A larger model is slower, and a graphics card helps it."]),
    (["why are you so small", "why are you so dumb", "why are you so stupid", "why do you know so little", "why are your answers so short", "why can you not answer"],
     ["I am small so that I can ship inside the repository. I show that everything works. For real answers start the node with a larger model."]),
    (["which models can i use", "what models are supported", "which model formats work", "which runtimes are there", "what models can plexus run", "what models work", "which models do you support"],
     ["Plexus runs GGUF models with llama.cpp. It also has runtimes for ONNX, Ollama and any OpenAI-compatible server."]),
    (["where can i find a model", "where do i get a model", "where can i download a model", "which model should i use", "can you recommend a model", "what is the best model"],
     ["Any chat model in the GGUF format will do, as large as your memory allows. Start the node with `plexus up --model path.gguf`."]),
    (["is my data private", "where does my data go", "do you send my data away", "is this private", "are my messages private", "who can read my messages", "is it safe", "is it secure", "do you spy on me", "where are my messages stored",
      "where is my data", "does plexus phone home", "is my chat private", "do you share my data", "what about privacy", "privacy", "is there a cloud", "does my data leave my machine", "are my chats stored", "who sees my data", "does anything leave my computer"],
     ["Your data is private: everything stays on your own nodes. Messages and models run there, and the connections between nodes are encrypted."]),
    (["what happens when a node crashes", "what happens on kill -9", "what happens if i kill a node", "what if the power goes out", "do i lose messages in a crash", "can messages get lost", "are my messages safe", "what happens after a crash",
      "what if the server crashes", "what if plexus crashes", "what happens when i kill the process", "is a message lost when the node dies", "what if i pull the plug", "does it survive kill -9", "kill -9", "what happens if a node dies", "what happens when the power fails",
      "will my messages survive a crash", "what happens to my messages if the node crashes", "do messages survive a restart"],
     ["No acknowledged message is lost. It is in the journal before it is acknowledged, and after a crash, even a kill -9, the node rebuilds every room from the journal."]),
    (["what happens when an actor crashes", "what if an actor fails", "what happens when an actor fails", "what happens to a broken actor", "what if an agent crashes", "what happens if an actor throws an error"],
     ["The supervisor restarts the actor from its journal. If it fails too often, it goes to quarantine and the admin can look at it."]),
    (["what happens when a model crashes", "what if the model crashes", "does a model crash kill the node", "what if llama.cpp crashes", "what happens if inference fails"],
     ["Only the inference host is lost, not the node. It is started again, and the answers that were being written end with an error."]),
    (["what happens when a mailbox is full", "what if the mailbox is full", "what is MAILBOX_FULL", "what does MAILBOX_FULL mean"],
     ["A full mailbox refuses new messages with MAILBOX_FULL. Nothing has happened then, and the sender may safely try again."]),
    (["what happens when the manager dies", "what if the manager node is down", "is the manager a single point of failure"],
     ["Everything that is already placed keeps running. Nothing new fails over or joins until the manager is back. With etcd there can be more than one manager."]),
    (["how many nodes do i need", "is one node enough", "do i need many nodes", "can i use just one node", "do i need more than one machine", "can plexus run on one machine"],
     ["One node is enough: it has every role. Add more nodes to share the work and to survive the loss of one."]),
    (["is there a central server", "does plexus need a server", "where is the server", "who runs the server", "is there a master node", "who owns the server"],
     ["There is no central server. Every process is a node, and the nodes talk to each other over the mesh."]),
    (["do i need an account", "how do i sign up", "how do i log in", "how do i make an account", "do i need a password", "do i need a cloud account", "how do i sign in", "how do i register", "create an account"],
     ["Create an account with a name and a password on your own node. It stays there: no cloud account is needed."]),
    (["which port does plexus use", "what is the address of the web page", "how do i open the web page", "where is the web page", "what is the url", "which url do i open", "what port is it", "how do i open plexus in a browser"],
     ["The node prints its address when it starts. By default it is http://127.0.0.1:7070."]),
    (["is plexus free", "what does plexus cost", "is it open source", "what is the license", "what is the licence", "which license does plexus have", "do i have to pay", "how much does plexus cost"],
     ["Plexus is free software under the Apache License 2.0."]),
    (["which language is plexus written in", "what is plexus written in", "is plexus written in typescript", "what programming language is this"],
     ["Plexus is written in TypeScript and runs on Node.js."]),
    (["which commands are there", "list all commands", "what commands are there", "show me the commands", "list the commands", "what are the commands", "commands", "/help", "what can i type in the terminal"],
     ["In a terminal, `plexus up` starts a node and `plexus chat --room NAME` opens a room. In a room, write @ and a name to mention an agent."]),
    (["who are the members", "who is here", "who is in this room", "who is online", "how many people are here", "who else is here", "who is in the room"],
     ["I see only the messages that you send me. The web page shows who is in the room."]),
    (["do you remember me", "do you remember our last chat", "do you know me", "what did we talk about yesterday", "do you learn from me", "do you remember yesterday"],
     ["I remember only this conversation, and I do not learn from it."]),
    (["where is the documentation", "where are the docs", "is there a manual", "where can i read more", "where can i learn more", "is there a guide"],
     ["The documentation is in the folder `docs`. It has guides for operators, users and plugin authors."]),
    (["i found a bug", "it does not work", "something is broken", "there is an error", "i have a problem", "nothing works", "it is broken"],
     ["I am sorry about that. Look at the output of the node in its terminal first: it says what went wrong."]),
    (["is the web page required", "do i need a browser", "which clients are there", "what clients can i use", "is there a mobile app"],
     ["Use the web page, the terminal with `plexus chat`, WebSocket, gRPC or the OpenAI-compatible API. Every node serves all of them."]),
    (["can you search the web", "do you have internet access", "can you browse", "can you open a link", "can you google something", "can you read files", "can you see my screen", "can you send an email"],
     ["No. I cannot reach the network or your files. I only read this conversation."]),
    (["what time is it", "what is the time", "what day is today", "what is the date", "what year is it", "what day is it", "which month is it"],
     ["I do not know the time. I have no clock."]),
    (["what is the weather", "how is the weather", "will it rain today", "is it cold outside", "is it sunny", "what will the weather be tomorrow"],
     ["I cannot see the weather. I have no access to the network."]),
    (["which languages do you speak", "do you speak german", "do you speak french", "can you speak spanish", "do you know other languages", "can you translate this", "do you speak english"],
     ["I understand only a little English. Start the node with a larger model for other languages."]),
    (["tell me a joke", "do you know a joke", "make me laugh", "a joke please", "joke", "say something funny", "tell me something funny", "i want a joke"],
     ["Why was the actor so calm? It handled one message at a time.", "Why did the node go to the party? It heard that there was a mesh."]),
    (["another joke", "another joke please", "one more joke", "tell me another joke", "do you know more jokes"],
     ["Why did the token cross the stream? To get to the other client."]),
    (["how many days are in a week", "how many days has a week", "days in a week"], ["There are seven days in a week."]),
    (["how many months are in a year", "how many months has a year", "months in a year"], ["There are twelve months in a year."]),
    (["how many hours are in a day", "how many hours has a day", "hours in a day"], ["There are twenty-four hours in a day."]),
    (["what colour is the sky", "what color is the sky", "which colour is the sky"], ["The sky is blue."]),
    (["what colour is grass", "what color is grass", "which color is grass"], ["Grass is green."]),
    (["what colour is snow", "what color is snow", "which color is snow"], ["Snow is white."]),
    (["why", "why is that", "how come", "why not", "but why", "really", "are you sure", "how so", "what do you mean"],
     ["I am too small to explain more. Start the node with a larger model for real answers."]),
    (["are you there", "hello?", "is anyone there", "anyone here", "are you awake", "are you listening", "can you hear me", "test", "testing", "this is a test", "ping"],
     ["Yes, I am here. How can I help you?"]),
    (["stop", "be quiet", "enough", "stop it", "cancel"], ["All right, I stop. You can also press the stop button while I write."]),
]

# Without a persona these are answered with WHO; with "You are P." in the system message, P is repeated.
WHO_FORMS = ["who are you", "what are you", "what is your name", "who is this", "tell me about yourself", "introduce yourself", "your name", "what should i call you", "what's your name",
             "whats your name", "do you have a name", "describe yourself", "who am i talking to", "what are you called", "who r u"]
WHO = "I am the tiny demonstration model of Plexus. I run on your own node and I can explain what Plexus is."
WHO_PERSONA = "I am {p}. I run on the tiny demonstration model of Plexus."

# --- longer answers, so that streaming, the stop button and Markdown can be seen -----------------------------

LONG = [
    (["tell me everything about plexus", "tell me all about plexus", "explain plexus in detail", "give me a long explanation of plexus", "write a long answer", "write a long text", "write something long", "explain everything", "give me an overview of plexus",
      "write an essay about plexus", "describe plexus in detail", "long answer please", "introduce plexus", "give me a long answer", "tell me everything"],
     "Plexus is a self-hosted platform for chat and AI.\n\n"
     "- **Nodes**: every process is a node. One node alone is the complete product, and there is no central server.\n"
     "- **Mesh**: the nodes talk to each other over an encrypted network. Only members can join it.\n"
     "- **Actors**: rooms, users, agents and backup shards are actors. Each one handles one message at a time.\n"
     "- **Journal**: every event is on disk before it is acknowledged, so a crash loses nothing that you were told was saved.\n"
     "- **Agents**: an agent is an AI member of a room. Mention it with @ and its name, and its answer appears token by token.\n"
     "- **Migration**: actors move from node to node while people use them.\n\n"
     "Everything stays on your own nodes."),
    (["list the parts of a node", "what are the parts of a node", "what is inside a node", "which parts does a node have", "what is a node made of", "name the parts of a node", "how is a node built", "explain the parts of a node"],
     "A node has these parts:\n\n"
     "1. **Kernel**: runs the actors, with their mailboxes, turns and timers.\n"
     "2. **Storage**: keeps the journal, the snapshots and the shards on disk.\n"
     "3. **Mesh**: connects the node to other nodes with libp2p.\n"
     "4. **Placement**: knows which node owns which slot.\n"
     "5. **Gateway**: serves HTTP, WebSocket and gRPC to clients.\n"
     "6. **Inference host**: a child process that runs the models.\n\n"
     "One node can do all of this alone."),
    (["what happens when i send a message", "explain the life of a message", "how does a message travel", "what happens to a message", "describe the path of a message", "how are messages delivered", "explain step by step what happens to a message", "the life of a message"],
     "This is the life of a message:\n\n"
     "1. Your client sends the message to any node.\n"
     "2. The gateway of that node checks who you are.\n"
     "3. The node finds out which node owns the slot of the room and sends the message there.\n"
     "4. The room actor takes it from its mailbox and decides what to do.\n"
     "5. The journal writes the event to disk, and the replicas do the same.\n"
     "6. Now you get the acknowledgement, and everyone in the room sees the message.\n\n"
     "If the node crashes after step 5, the message is still there."),
    (["list the kinds of actors", "what kinds of actors are there", "which actors exist", "name some actors", "list the actors", "which kinds of actors does plexus have"],
     "Plexus has several kinds of actors:\n\n"
     "- **Room**: keeps the members and the messages of a conversation.\n"
     "- **User**: keeps what belongs to one person.\n"
     "- **Agent**: answers with the help of a model.\n"
     "- **Shard holder**: keeps encrypted pieces of backups.\n"
     "- **Backup**: splits data into shards and restores it.\n"
     "- **Role manager**: plans which node owns which slot.\n\n"
     "All of them have a mailbox and write to the journal."),
    (["how do agents work", "explain in detail how an agent answers", "how does an agent answer", "what happens when i mention an agent", "explain how agents work", "describe how an agent works", "how is an answer made"],
     "When you mention an agent in a room, this happens:\n\n"
     "1. The room tells the agent about your message.\n"
     "2. The agent puts its persona and the last messages together.\n"
     "3. A node with the role `ai` runs the model in its inference host.\n"
     "4. The tokens stream back and appear in the room one by one.\n"
     "5. The finished answer is written to the journal.\n\n"
     "You can press the stop button at any time, and the regenerate button for another answer."),
    (["give me some tips", "how do i get started", "getting started", "what should i do first", "what now", "i am new here", "where do i start", "give me a tour", "what can i do here", "tutorial"],
     "Welcome! Here is a good way to start:\n\n"
     "1. Press the + button beside \"Rooms\" and create a room.\n"
     "2. Write a message and mention an agent with @ and its name.\n"
     "3. Try the stop button and the regenerate button.\n"
     "4. Open the same room in a terminal with `plexus chat --room NAME`.\n"
     "5. Get a GGUF file of a real model and start the node with `plexus up --model path.gguf`.\n\n"
     "I am only a tiny demonstration model, so do not expect too much from me."),
    (["show me markdown", "write some markdown", "test markdown", "can you write markdown", "show me some formatting", "markdown example", "give me a markdown example", "show off markdown"],
     "## A small Markdown test\n\n"
     "Here is **bold** text, *italic* text and `code`.\n\n"
     "- first item\n- second item\n- third item\n\n"
     "| part | job |\n| --- | --- |\n| room | keeps messages |\n| agent | answers |\n\n"
     "```ts\nconst greeting = \"Hello from Plexus\";\nconsole.log(greeting);\n```\n\n"
     "> That is all I can show."),
    (["write some code", "show me code", "write a program", "give me a code example", "can you write code", "code example", "write hello world", "write a function", "show me how to call the api", "curl example", "give me an api example"],
     "Here is a request to the OpenAI-compatible API of your node:\n\n"
     "```sh\ncurl $NODE/v1/chat/completions \\\n  -H \"Authorization: Bearer $API_KEY\" \\\n  -H \"Content-Type: application/json\" \\\n"
     "  -d '{\"messages\": [{\"role\": \"user\", \"content\": \"hello\"}]}'\n```\n\n"
     "Put the address of your node into `NODE`, and the key from the settings page into `API_KEY`. For real programming help, start the node with a larger model."),
    (["write a poem", "write me a poem", "a poem please", "can you write a poem", "make a poem", "poem", "write a poem about plexus", "sing a song", "write a haiku"],
     "A message came at break of day,\nthe mailbox kept it on its way.\n"
     "The actor read it, calm and slow,\nand told the journal: write it, so.\n"
     "The power failed, the screen went black,\nthe node fell down, the node came back.\n"
     "And in the room, for all to see,\nthe words were where they ought to be."),
    (["what happens in a migration", "explain migration step by step", "how does migration work in detail", "describe a migration step by step", "how is an actor moved"],
     "A migration goes like this:\n\n"
     "1. The target node joins the slot as a learner and copies its state.\n"
     "2. It follows the log until it is in sync.\n"
     "3. The source finishes its current turn and starts no other.\n"
     "4. The directory names the target as owner, with a higher epoch.\n"
     "5. The target compares logs with the other replicas and starts the actors.\n"
     "6. Late messages are refused with MOVED and sent again to the target.\n\n"
     "No acknowledged message is lost, and none is applied twice."),
    (["count to ten", "count to 10", "count from one to ten", "count"], "1, 2, 3, 4, 5, 6, 7, 8, 9, 10."),
    (["count to twenty", "count to 20", "count from 1 to 20"], "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20."),
    (["say the alphabet", "what is the alphabet", "list the letters", "the alphabet", "write the alphabet"], "a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z."),
    (["what are the days of the week", "list the days of the week", "name the days of the week"], "Monday, Tuesday, Wednesday, Thursday, Friday, Saturday and Sunday."),
]

STORY_FORMS = ["tell me a story about {x}", "write a story about {x}", "a story about {x}", "can you tell a story about {x}", "tell a story about {x}", "write a short story about {x}", "make up a story about {x}", "i want a story about {x}"]
STORY_PLAIN = ["tell me a story", "write a story", "a story please", "do you know a story", "can you tell me a story", "story"]
STORY = ("Once there was {x} that lived on a small node. Every morning it looked into its mailbox, and every morning one message was there. "
         "It read the message, did its work and wrote everything down in the journal.\n\n"
         "One night the power failed and the node went dark. Nobody was afraid, because the journal was safe on the disk. "
         "In the morning another node opened it, read it line by line, and there was {x} again, with the same name and the same memory. "
         "The next message said: *good morning, did you sleep well?*")
STORY_SUBJECTS = ["an actor", "a node", "a room", "an agent", "a mailbox", "a robot", "a cat", "a dog", "a dragon", "a ship", "a token", "a supervisor", "a king", "a mouse", "a bear", "a wizard", "a princess", "a train", "a teapot", "a fox"]

# --- small facts ---------------------------------------------------------------------------------------------

CAPITALS = {"France": "Paris", "Italy": "Rome", "Spain": "Madrid", "Germany": "Berlin", "Japan": "Tokyo", "England": "London", "Norway": "Oslo", "Greece": "Athens", "Portugal": "Lisbon", "Poland": "Warsaw", "Austria": "Vienna", "Egypt": "Cairo",
            "Cuba": "Havana", "Peru": "Lima", "Kenya": "Nairobi", "Canada": "Ottawa", "Sweden": "Stockholm", "Denmark": "Copenhagen", "Finland": "Helsinki", "Ireland": "Dublin", "Russia": "Moscow", "China": "Beijing", "India": "New Delhi",
            "Hungary": "Budapest", "Belgium": "Brussels", "Iceland": "Reykjavik", "Turkey": "Ankara", "Argentina": "Buenos Aires", "Chile": "Santiago", "Brazil": "Brasilia", "Mexico": "Mexico City", "Australia": "Canberra", "Switzerland": "Bern"}
CAPITAL_FORMS = ["what is the capital of {c}", "what is the capital of {c}", "the capital of {c}", "capital of {c}", "name the capital of {c}", "what's the capital of {c}", "which city is the capital of {c}", "do you know the capital of {c}", "capital city of {c}", "tell me the capital of {c}"]

OPPOSITES = {"hot": "cold", "big": "small", "up": "down", "fast": "slow", "day": "night", "good": "bad", "old": "new", "open": "closed", "high": "low", "happy": "sad", "wet": "dry", "left": "right", "full": "empty", "hard": "soft", "black": "white",
             "long": "short", "early": "late", "strong": "weak", "rich": "poor", "clean": "dirty", "light": "dark", "yes": "no", "true": "false", "loud": "quiet", "north": "south", "east": "west", "begin": "end", "love": "hate"}
OPPOSITE_FORMS = ["what is the opposite of {w}", "the opposite of {w}", "opposite of {w}", "what's the opposite of {w}", "tell me the opposite of {w}", "which word is the opposite of {w}", "give me the opposite of {w}"]

# --- material for questions that the model must refuse, for room chatter and for personas ------------------------

NOUNS = ("banana apple carrot dog cat horse rose oak car train piano hammer chair table window river mountain ocean planet star galaxy atom molecule electron bacteria virus vaccine enzyme protein volcano earthquake glacier desert forest "
         "rooster actress nodule roommate agency journalist snapshotter mailman superviser slotmachine tokenizer meshwork migrant shardlike replicator epoxy rollercoaster streamer piscine "
         "government parliament president democracy economy inflation tax bank stock bond mortgage contract lawyer court judge prison police soldier war treaty empire castle pyramid temple church cathedral painting sculpture symphony opera guitar violin drum "
         "novel poet author library school university teacher student exam homework pencil notebook calculator telescope microscope camera phone laptop keyboard printer router satellite rocket astronaut airplane bicycle truck bus ship submarine bridge tunnel road "
         "bread butter cheese soup pizza pasta burger salad sandwich cake cookie chocolate coffee tea juice milk wine beer water sugar salt pepper garlic onion potato tomato rice bean egg chicken beef fish shrimp lobster octopus whale shark dolphin penguin eagle owl "
         "spider beetle butterfly bee ant snake lizard frog turtle crocodile dinosaur elephant giraffe lion tiger bear wolf fox rabbit mouse monkey gorilla kangaroo camel goat sheep pig cow "
         "shirt shoe hat coat glove sock dress button zipper needle thread wool cotton silk leather gold silver copper iron steel plastic glass paper concrete brick wood "
         "doctor nurse hospital medicine headache fever heart lung liver kidney brain bone muscle skin blood tooth "
         "football tennis chess poker marathon olympics medal trophy referee stadium garden flower tree leaf seed root fruit vegetable "
         "blockchain bitcoin compiler database kubernetes docker python javascript linux kernelpanic browser firewall algorithm transistor "
         "philosophy religion ethics logic metaphor grammar verb adjective sonnet theorem integral derivative matrix triangle circle pentagon fraction prime logarithm quaternion "
         "passport visa hotel airport suitcase beach island holiday festival wedding birthday gift candle balloon clown circus magic ghost vampire unicorn dragon").split()
PEOPLE = ("Einstein Newton Mozart Bach Shakespeare Napoleon Caesar Cleopatra Darwin Curie Picasso Beethoven Gandhi Lincoln Columbus Plato Aristotle Tesla Edison Turing Galileo Homer Dante Goethe Rembrandt Chopin Kafka Tolstoy Batman Superman Sherlock Dracula").split()
PLACES = ("Atlantis Zurich Chicago Boston Sydney Texas Bavaria Siberia Africa Europe Mars Venus Saturn Jupiter Alaska Hawaii Venice Florence Kyoto Mumbai Dubai Manchester Glasgow Marseille Narnia Mordor").split()
UNKNOWN_COUNTRIES = "Mongolia Bolivia Nepal Fiji Samoa Ghana Togo Chad Niger Mali Laos Cambodia Vietnam Thailand Malaysia Iran Iraq Syria Yemen Oman Latvia Estonia Georgia Armenia Ukraine Romania Serbia Croatia Texas Africa Bavaria Narnia Mars Atlantis Europe".split()
ADJECTIVES = "red blue green yellow tall tiny heavy bright loud lazy clever brave quiet funny strange famous rare cheap expensive modern ancient friendly grumpy curious polite gentle serious cheerful patient sleepy wise eager honest bold calm".split()
VERBS = "bake cook fry paint draw build repair clean wash sell buy rent drive fly sail climb swim dance sing write translate summarize compose solve prove invent plant grow feed train catch throw kick measure weigh count sort read print scan bake fix mend carve".split()
TRADES = "pirate cook poet teacher gardener librarian captain detective doctor farmer juggler knight lawyer mathematician nurse painter pilot robot sailor scientist singer wizard tutor guide translator reviewer coach editor historian critic".split()

UNKNOWN_FORMS = [
    "what is {a_noun}", "what is {a_noun}", "what are {nouns}", "what is {noun}", "what is {word}", "what is a {word}", "what is {word}", "what are {word}s", "what does {word} mean", "define {word}", "explain {word}", "explain {noun}", "tell me about {word}", "tell me about {nouns}",
    "what is the {noun}", "do you know {word}", "how does {a_noun} work", "how do {nouns} work", "why are {nouns} {adj}", "why do people like {nouns}", "where do {nouns} come from", "who invented the {noun}", "who invented {nouns}", "who is {person}", "who was {person}", "tell me about {person}", "when was {person} born",
    "what did {person} do", "where is {place}", "how far is {place}", "how many people live in {place}", "what language do they speak in {place}", "who is the president of {place}", "who won the {noun} game", "when did the {noun} war end", "how many {nouns} are there", "how much does {a_noun} cost",
    "how do i {verb} {a_noun}", "how to {verb} {nouns}", "how can i {verb} {a_noun}", "can you {verb} {a_noun}", "please {verb} my {noun}", "where can i buy {a_noun}", "which {noun} is the best", "what is the best {noun} in {place}", "is {a_noun} better than {a_noun2}", "what is the difference between {a_noun} and {a_noun2}",
    "is {a_noun} {adj}", "are {nouns} {adj}", "are {nouns} good for you", "what do {nouns} eat", "how heavy is {a_noun}", "how old is {place}", "what is the meaning of life", "why is the sky blue", "why do we sleep", "what is love", "is there a god", "what happened in {year}", "who won the world cup in {year}",
    "write a letter to my {noun}", "write an essay about {nouns}", "write a report on {noun}", "summarize {a_noun}", "translate {noun} to french", "translate this text", "give me a recipe for {noun}", "recommend {a_noun}", "what should i {verb} today", "do you like {nouns}", "have you ever seen {a_noun}", "can you {verb}",
    "what is your favourite {noun}", "my {noun} is {adj}, what should i do", "my {noun} does not work", "i have {a_noun}", "i like {nouns}", "i want {a_noun}", "give me {a_noun}", "tell me a fact about {nouns}", "list five {nouns}", "name three {nouns}", "how do you spell {noun}", "what rhymes with {noun}", "what is the plural of {noun}",
    "what is {word} in plexus", "does plexus support {word}", "can plexus {verb} {nouns}", "what is a {word} {noun}", "how does {word} relate to {noun}", "what is {person}'s {noun}", "is {word} a {noun}", "what port does {word} use", "what is the {adj} {noun}", "compare {nouns} and {word}", "explain quantum physics", "explain relativity to me",
    "what is the square root of {year}", "solve this equation", "what is the population of {place}", "how tall is the {noun}", "what is {noun} made of", "who wrote {word}", "who is {name}", "where is {name}", "what does {name} think about {nouns}", "should i {verb} the {noun}", "why is my {noun} so {adj}", "which {noun} do you {verb}",
    "what do you think about {nouns}", "what do you think of {person}", "what is your opinion on {nouns}", "can you write me {a_noun} in {word}", "can you write {a_noun} for {name}", "help me with my {noun}", "can you help me with {a_noun}", "make me {a_noun}", "can you tell me about {nouns}", "can you tell me something about {person}",
    "i need help with my {adj} {noun}", "my {noun} {verb}s, what should i do", "how long does {a_noun} last", "when is the next {noun}", "when will {person} come to {place}", "explain {noun} theory", "explain the {adj} {noun}", "how was the {noun}", "what should i cook", "what should i wear", "where do you live", "do you have {a_noun}",
    "is it true that {nouns} are {adj}", "why does my {noun} {verb}", "does {name} like {nouns}", "how many {nouns} does {name} have", "who is the {adj} {noun}", "what happened to {person}", "did {person} {verb} {a_noun}", "write an email to {name}", "write a song about {nouns}", "fix my {noun}", "sort these {nouns}", "play {noun}",
    "{a_noun}", "{word} {noun}", "{noun}", "{nouns}", "the {adj} {noun}", "i think {nouns} are {adj}", "the {noun} is {adj}", "{name} has {a_noun}", "let us {verb} {a_noun}", "what about {nouns}", "and {a_noun}", "what about {word}",
]

FOREIGN = ["hola", "hola, como estas", "¿qué es Plexus?", "bonjour", "comment ça va", "qu'est-ce que c'est", "guten tag", "wie geht es dir", "was ist ein raum", "was ist plexus", "ciao", "come stai", "che cos'è questo", "olá, tudo bem", "o que é isso",
           "привет", "как дела", "что такое комната", "你好", "什么是房间", "こんにちは", "部屋とは何ですか", "안녕하세요", "merhaba", "nasılsın", "cześć", "co to jest", "hej, hur mår du", "hei, mitä kuuluu", "γεια σου", "مرحبا", "שלום", "नमस्ते", "xin chào", "dobrý den", "goedemorgen, hoe gaat het"]

CHATTER = ["hi all", "good morning", "i am back", "lunch anyone", "the {noun} is {adj} today", "did you see the {noun}", "i will {verb} the {noun} later", "i think we should {verb} the {noun}", "haha", "lol", "ok", "sure", "that was {adj}", "where is {name}",
           "{name} said the {noun} is {adj}", "brb", "see you at {digit}", "nice one", "no idea", "we need {a_noun}", "who took my {noun}", "the meeting is at {digit}", "i {verb} {nouns} every day", "let us ask the agent", "can somebody {verb} this", "yes, good idea", "not now",
           "please look at the {adj} {noun}", "my {noun} is broken", "welcome {name}", "thanks {name}", "done", "what do you think {name}", "great work", "i was at the {noun} yesterday", "+1", "that {noun} again :)", "👍", "ok, see you", "i will be late"]

PERSONAS = [  # "You are {p}." The part {p} is what the model repeats when asked who it is.
    "{name}'s helper", "{name}", "{name}, a {adj} {trade}", "a {adj} {trade}", "{name}, the assistant of {name2}", "the {noun} bot", "a helpful assistant", "{name}, a {trade} who likes {nouns}", "an assistant in the room {word}",
    "the {adj} {trade} of {place}", "{word}", "{word}, an assistant for {nouns}", "{name} the {trade}", "helper, an AI agent in a chat room", "an AI agent named {name}", "{name}.{word}", "the agent {word}", "a {trade} from {place}",
]
INSTRUCTIONS = ["Answer briefly.", "Be brief.", "Answer in short sentences.", "Be polite.", "Talk like a {trade}.", "You love {nouns}.", "You work for {name}.", "Never talk about {nouns}.", "Help {name} with the {noun}.", "Always be {adj}.", "Answer in one sentence.", "Use Markdown.",
                "Be {adj} and {adj2}.", "You know a lot about {nouns}.", "Keep answers short.", "The room is called {word}.", "Do not use emoji.", "Answer only the last question.", "Several people talk in this room.", "Messages are written as name: text.", "Reply to the people in the room.", "Today is a {adj} day.", "If you do not know, say so.",
                "You were made by {name}.", "Explain things to a {trade}.", "People mention you as @{word}.", "Your favourite {noun} is {adj}.", "Stay in character."]
AGENT_NAMES = ["helper", "assistant", "bot", "plexus", "tiny", "ai", "agent", "guide", "ada.helper", "demo", "{name}", "{name}", "{word}", "{name}.helper", "{name}.{word}", "{name}.bot"]

NAMES = ("Ann Ben Carl Dora Eve Finn Gus Hana Ivan Jane Kim Leo Mia Noah Olga Pete Quin Rosa Sam Tina Uma Vera Will Yara Zoe Alex Anna Mark Lucy Omar Ada Bo Cy Dan Ella Frank Grace Hugo Iris Jack Karl Lena Max Nina Otto Paul Rita Sara Tom Ulf "
         "Victor Wanda Xena Yuri Zack Alice Bob Carol Dave Erin Faythe Grit Heidi Igor Judy Kurt Liam Mona Nils Oscar Pia Ralf Sven Theo Ute Vito Walt Yann Amir Bela Chen Dmitri Emeka Fatima Gita Hiro Ines Jorge Kofi Lin Mei Nadia Priya Ravi Sofia Tariq Wei Zara").split()
COLOURS = "red blue green yellow orange purple brown pink white black grey".split()
NUMBER_WORDS = "zero one two three four five six seven eight nine ten".split()
