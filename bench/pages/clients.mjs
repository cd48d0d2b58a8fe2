// The peers, each in its best configuration. Each takes a token, and gives a function that sends: a path to its JSON.
import {OAuth2Client, OAuth2Fetch} from '@badgateway/oauth2-client';
import axios from 'axios';
import {createAuthRefresh} from 'axios-auth-refresh';

const renew = async instance => (await instance.post('/auth/refresh', null, {skipAuthRefresh: true})).data.access_token;

// The floor: the browser's own fetch. It can't renew a token, so it gets a good one.
function native(token) {
  const headers = {Authorization: `Bearer ${token}`};
  return async path => (await fetch(path, {headers})).json();
}

function axiosAuthRefresh(token, options) {
  const instance = axios.create();
  const carry = config => {
    config.headers.Authorization = `Bearer ${token}`;
    return config;
  };
  instance.interceptors.request.use(carry);
  createAuthRefresh(instance, async () => (token = await renew(instance)), options(carry));
  return async path => (await instance.get(path)).data;
}

// With `deduplicateRefresh: false` each 401 waits for the one refresh on the way, and is sent again.
const axiosRefresh = token => axiosAuthRefresh(token, onRetry => ({deduplicateRefresh: false, onRetry}));

// As it comes: while the refresh for the first 401 runs, every other 401 is handed to its caller.
const axiosRefreshDefault = token => axiosAuthRefresh(token, () => ({}));

// What the tutorials print: a flag, and a queue of those who failed while it was up.
function axiosQueue(token) {
  const instance = axios.create();
  let isRefreshing = false;
  let failedQueue = [];
  const processQueue = (error, fresh) => {
    failedQueue.forEach(waiting => (error ? waiting.reject(error) : waiting.resolve(fresh)));
    failedQueue = [];
  };
  instance.interceptors.request.use(config => {
    if (!config._retry) config.headers.Authorization = `Bearer ${token}`;
    return config;
  });
  instance.interceptors.response.use(
    response => response,
    async error => {
      const original = error.config;
      if (error.response?.status !== 401 || original._retry) throw error;
      original._retry = true;
      if (isRefreshing) {
        const fresh = await new Promise((resolve, reject) => failedQueue.push({resolve, reject}));
        original.headers.Authorization = `Bearer ${fresh}`;
        return instance(original);
      }
      isRefreshing = true;
      try {
        token = await renew(axios);
        processQueue(null, token);
        original.headers.Authorization = `Bearer ${token}`;
        return await instance(original);
      } catch (failure) {
        processQueue(failure, null);
        throw failure;
      } finally {
        isRefreshing = false;
      }
    },
  );
  return async path => (await instance.get(path)).data;
}

function oauth2Client(token) {
  const client = new OAuth2Client({server: `${location.origin}/`, clientId: 'bench', tokenEndpoint: '/auth/token'});
  const stored = {accessToken: token, refreshToken: 'bench', expiresAt: Date.now() + 3_600_000};
  const wrapper = new OAuth2Fetch({client, getNewToken: () => null, getStoredToken: () => stored, scheduleRefresh: false});
  return async path => (await wrapper.fetch(path)).json();
}

export const clients = {native, axiosRefresh, axiosRefreshDefault, axiosQueue, oauth2Client};
